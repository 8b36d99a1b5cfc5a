"""The mirror's process, and the mirror without its database."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import make_url, text

from app.store.session import SessionFactory, make_engine
from tests.integration.mirroring import (
    Asked,
    MakeStage,
    Stage,
    a_candidate,
    a_reply,
    a_request,
    a_running_pilot,
    make_stage,
    pending_of,
)
from tests.model_servers import model_server

__all__ = ["make_stage"]


@contextmanager
def mirror_process(stage: Stage, ready: Path, **more: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`python -m workers.mirror`, ended by SIGTERM unless the test did it."""
    settings = stage.settings
    environment = os.environ | {
        "PILOT_HOME": str(settings.home), "PILOT_REDIS_URL": str(settings.redis_url), "PILOT_READY_FILE": str(ready),
        "PILOT_DATABASE_URL": str(settings.database_url), **more,
    }  # fmt: skip
    ready.unlink(missing_ok=True)
    with (settings.home / "mirror.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "workers.mirror", "mirror-1"], env=environment, stderr=log)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(20)


def test_a_killed_process_is_gone_on_with_and_one_that_is_told_ends_in_order(
    make_stage: MakeStage, session_factory: SessionFactory, tmp_path: Path
) -> None:
    asked, slow = Asked(), Asked(seconds=1.0)
    with model_server(asked) as one, model_server(slow) as two:
        a_running_pilot(session_factory, a_candidate(one, api_key_env="QWEN_KEY"), a_candidate(two, "slow"))
        stage, ready = make_stage(), tmp_path / "ready"

        async def story() -> None:
            stage.put(*(a_request(number, f"a secret {number}") for number in range(1, 4)), a_reply(1))
            with mirror_process(stage, ready, QWEN_KEY="key-of-qwen") as first:
                await stage.until(lambda: ready.exists() and ready.read_text())
                assert ready.read_text() == str(first.pid)
                await stage.until(lambda: len(stage.replies()) == 3)
                first.kill()
            with mirror_process(stage, ready, QWEN_KEY="key-of-qwen") as second:
                await stage.until_done()
                second.send_signal(signal.SIGTERM)
                assert second.wait(20) == 0

        asyncio.run(story())
    assert sorted(stage.replies("slow")) == [1, 2, 3]
    assert len(asked.requests) <= 4  # one may have been answered and not yet noted when it was killed
    log = (tmp_path / "mirror.log").read_text()
    assert [word for word in ("a secret", "key-of-qwen") if word in log] == []
    assert list((tmp_path / "metrics").glob("*.db"))


@contextmanager
def database_away(stage: Stage) -> Iterator[None]:
    """Nobody gets a connection to the stage's database."""
    url = make_url(str(stage.settings.database_url))
    admin = make_engine(url.set(database="postgres").render_as_string(hide_password=False))

    def allow(word: str) -> None:
        with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f'ALTER DATABASE "{url.database}" WITH ALLOW_CONNECTIONS {word}'))
            gone = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
            connection.execute(gone, {"name": url.database})

    allow("false")
    try:
        yield
    finally:
        allow("true")
        admin.dispose()


def test_without_its_database_it_goes_on_with_the_pilots_it_knows_and_keeps_what_it_cannot_place(
    make_stage: MakeStage, session_factory: SessionFactory
) -> None:
    with model_server(Asked()) as url:
        a_running_pilot(session_factory, a_candidate(url))
        stage = make_stage()

        async def story() -> None:
            async with stage.mirror():
                stage.put(a_request(1))
                await stage.until_done()
                a_running_pilot(session_factory, a_candidate(url), name="new-pilot")
                with database_away(stage):
                    await asyncio.sleep(1.2)  # the pilots are read once a second
                    stage.put(a_request(2, "2"))
                    await stage.until_done()
                    stage.put(a_request(3, "3", pilot="another-pilot"))
                    await stage.until(lambda: pending_of(stage))
                    await asyncio.sleep(0.3)
                    assert stage.in_hand() == 1
                stage.put(a_request(4, "4", pilot="new-pilot"))
                await stage.until_done()

        asyncio.run(story())
    assert sorted(stage.replies()) == [1, 2, 4]


def test_a_mirror_that_starts_without_its_database_waits_for_it(make_stage: MakeStage, session_factory: SessionFactory) -> None:
    with model_server(Asked()) as url:
        a_running_pilot(session_factory, a_candidate(url))
        stage = make_stage()

        async def story() -> None:
            with ExitStack() as away:
                away.enter_context(database_away(stage))
                stage.put(a_request(1))
                async with stage.mirror():
                    await stage.until(lambda: pending_of(stage))
                    assert stage.told() == []
                    away.close()
                    await stage.until_done()

        asyncio.run(story())
    assert sorted(stage.replies()) == [1]
