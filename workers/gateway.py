"""One process of the gateway: `python -m workers.gateway FD SLOT`, or with `--host` and `--port` where it binds itself."""

import argparse
import os
import resource
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

from app.metrics import share_metrics
from app.settings import Settings
from app.stack.pulse import VARIABLE as PULSE
from app.stack.pulse import beat
from workers.logs import configure_logs

READY_FILE = "PILOT_READY_FILE"
LOADED_SUFFIX = ".loaded"
BACKLOG = 2048


def main(arguments: list[str] | None = None) -> None:
    """Runs until SIGTERM; what is under way then is finished."""
    options = _parser().parse_args(arguments)
    _allow_connections()
    settings = Settings()
    configure_logs("gateway", settings.log_level)
    share_metrics(settings.metrics_folder or settings.home / "metrics")
    from app.gateway.serving import serve  # noqa: PLC0415 - metrics are shared from here on
    from app.metrics.processes import watch_process  # noqa: PLC0415

    slot = options.slot or (options.first if options.port is not None else None) or "gateway-1"
    watch_process("gateway", slot)
    listening = _bound(options.host, options.port) if options.port is not None else socket.socket(fileno=int(options.first))
    serve(
        settings, slot, listening, on_loaded=_say_loaded, on_ready=_say_ready, on_drain=_say_draining, on_turn=_beat(),
    )  # fmt: skip


def _allow_connections() -> None:
    """Each request under way takes two file descriptors; the usual soft limit of 1024 would end at some 500."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m workers.gateway", description=__doc__)
    made.add_argument("first", nargs="?", help="number of an inherited listening socket; with --port the slot")
    made.add_argument("slot", nargs="?", help="which of several processes this is, as in gateway-1")
    made.add_argument("--host", default="127.0.0.1", help="address to listen on")
    made.add_argument("--port", type=int, help="port to listen on")
    return made


def _bound(host: str, port: int) -> socket.socket:
    """Several processes may listen on one port: the kernel shares connections out."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind((host, port))
    listening.listen(BACKLOG)
    return listening


def _say_loaded() -> None:
    """Requests could be served, as soon as the socket listens."""
    if READY_FILE in os.environ:
        Path(os.environ[READY_FILE] + LOADED_SUFFIX).touch()


def _say_ready() -> None:
    if READY_FILE in os.environ:
        Path(os.environ[READY_FILE]).write_text(str(os.getpid()))


def _say_draining() -> None:
    """The supervisor starts another process when the file of a running one is gone."""
    if READY_FILE in os.environ:
        Path(os.environ[READY_FILE]).unlink(missing_ok=True)


def _beat() -> Callable[[], None]:
    """Tells the supervisor, if there is one that listens."""
    descriptor = os.environ.get(PULSE)
    return partial(beat, int(descriptor)) if descriptor else lambda: None


if __name__ == "__main__":
    main()
