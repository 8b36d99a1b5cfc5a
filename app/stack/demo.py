"""`./run demo`: a simulated pilot from its history to its verdict, on a stack of its own in `PILOT_HOME/demo`."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from app.errors import StackError
from app.settings import Settings
from app.stack.demo_models import simulated_models
from app.stack.demo_story import Story
from app.stack.home import Addresses, StackHome, read_settings
from app.stack.postgres import DATA_NAME
from app.stack.stopping import embedded_servers, stop_stack
from app.stack.supervisor import Supervisor

KEPT = ("supervisor.lock", DATA_NAME)
LIVE_SECONDS = 60.0


def main(arguments: list[str] | None = None) -> int:
    """Runs the demo; 0 if it reached its verdict."""
    parser = argparse.ArgumentParser(prog="./run demo", description=__doc__)
    parser.add_argument("--exit", action="store_true", help="stop the stack at the end; default: it stays until Ctrl-C")
    parser.add_argument("--live-seconds", type=float, default=LIVE_SECONDS, help="of live traffic at the end; 0 = none")
    options = parser.parse_args(arguments)
    try:
        return run_demo(read_settings(), ends=options.exit, live_seconds=options.live_seconds)
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def run_demo(settings: Settings, *, ends: bool, live_seconds: float) -> int:
    """The demo on a fresh stack.

    Args:
        settings: As of the environment; the demo has a database and a Redis of its own all the same.
        ends: Stop the stack at the end.
        live_seconds: How long live traffic is sent at the end.
    """
    began = time.monotonic()
    home = StackHome(settings.home.resolve() / "demo")
    StackHome(home.root.parent).prepare()
    home.prepare()
    with home.lock() as is_ours:
        if not is_ours:
            message = f"a demo runs in {home.root} already: end it with Ctrl-C, or set PILOT_HOME to another folder"
            raise StackError(message)
        empty(home)
        say(f"[   0 s] starting gateway, PostgreSQL, Redis, API, mirror, recorder, worker and simulated models in {home.root}")
        own = settings.model_copy(update={"home": home.root, "database_url": None, "redis_url": None, "metrics_folder": None})
        with simulated_models(home.logs) as models:
            telling = Telling(home.root / "files", models, began, ends=ends, live_seconds=live_seconds)
            Supervisor(home, own, say, any_port=True, serves_production=False).run(telling.begin)
    return telling.exit_code


class Telling:
    """Tells the story in a thread, while the main one supervises.

    Args:
        folder: Where the demo's files go.
        models: Base URLs of the simulated models.
        began: When the demo began (`time.monotonic`).
        ends: Stop the stack when the story is told; a story that fails stops it in any case.
        live_seconds: How long live traffic is sent at the end.
    """

    def __init__(self, folder: Path, models: Mapping[str, str], began: float, *, ends: bool, live_seconds: float) -> None:
        self.exit_code = 1
        self._folder = folder
        self._models = models
        self._began = began
        self._ends = ends
        self._live_seconds = live_seconds

    def begin(self, addresses: Addresses) -> None:
        """Begins once the stack can be used."""
        story = Story(self._folder, self._models, addresses, self._live_seconds, say, self._began)
        threading.Thread(target=self._tell, args=(story,), name="demo", daemon=True).start()

    def _tell(self, story: Story) -> None:
        try:
            story.tell()
        except (StackError, OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
            sys.stderr.write(f"the demo did not get to its end: {error!r}\n")
        else:
            self.exit_code = 0
        finally:
            if self._ends or self.exit_code:
                os.kill(os.getpid(), signal.SIGTERM)
            else:
                say("\nCtrl-C ends it.")


def empty(home: StackHome) -> None:
    """Ends what an earlier demo left and removes its state: each demo begins with nothing."""
    stop_stack(home)
    for server in embedded_servers(home).values():
        # As root the data may lie elsewhere, where PostgreSQL's own user can reach them.
        folder = getattr(server, "data", None)
        if isinstance(folder, Path):
            shutil.rmtree(folder, ignore_errors=True)
    for left in home.root.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        elif left.name not in KEPT:
            left.unlink()
    home.prepare()


def say(line: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
