"""Replay against a model server that nobody here wrote: `transformers serve` with a tiny random Llama on the CPU.

Its environment (about 1 GB) is made once in `PILOT_TEST_FOREIGN` (default `.pilot/foreign-servers` in the checkout) by
pip, with torch for the CPU; where pip cannot find that, the tests are skipped and say so. Run it by name:
`./run test -m slow tests/e2e/test_foreign_servers.py`.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.exchange import Reply
from app.domain.replay import ReplayState
from app.providers.asking import Limits, open_client
from app.providers.model_server import Target
from app.store.session import SessionFactory, session_scope
from tests.integration.replay_runs import replay, stored
from tests.integration.replaying import a_candidate, a_replayable_pilot, a_request, add_exchanges

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("torch==2.13.0+cpu", "transformers[serving]==5.23.0")
START_SECONDS = 180


@pytest.fixture(scope="module")
def environment() -> Path:
    """A virtual environment with the foreign server; skipped loudly where it cannot be made."""
    folder = Path(os.environ.get("PILOT_TEST_FOREIGN") or ROOT / ".pilot" / "foreign-servers").resolve()
    done = folder / "installed"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder / "venv")], check=True)
        pip = subprocess.run(
            [folder / "venv" / "bin" / "python", "-m", "pip", "install", "-q", *PACKAGES],
            capture_output=True,
            text=True,
            check=False,
        )
        if pip.returncode != 0:
            missing = pip.stderr.strip().splitlines()[-1:]
            pytest.skip(f"no foreign model server: pip cannot install {' '.join(PACKAGES)} here: {missing}")
        done.write_text("\n".join(PACKAGES))
    return folder


@pytest.fixture(scope="module")
def model(environment: Path) -> Path:
    """The tiny model's folder, whose path is its name to the server."""
    folder = environment / "tiny"
    if not (folder / "config.json").exists():
        subprocess.run(
            [environment / "venv" / "bin" / "python", ROOT / "tests" / "e2e" / "make_tiny_model.py", folder], check=True
        )
    return folder


@pytest.fixture(scope="module")
def foreign_url(environment: Path, model: Path) -> Iterator[str]:
    """The running server's base URL."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [
        str(environment / "venv" / "bin" / "transformers"),
        "serve",
        str(model),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    settings = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(environment / "hf"), "CUDA_VISIBLE_DEVICES": ""}
    with (
        (environment / "server.log").open("w") as log,
        subprocess.Popen([*command, "--device", "cpu"], env=settings, stdout=log, stderr=subprocess.STDOUT) as server,
    ):
        try:
            _wait_for(port, server, environment / "server.log")
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()


def _wait_for(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()[-3000:]
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(log.read_text()[-3000:])


# What this server is asked as: as any compatible one, and as one that knows the older bound on tokens only.
@pytest.mark.parametrize(
    ("server", "differing"),
    [
        ("openai", {"model": "changed", "store": "dropped"}),
        ("llamacpp", {"model": "changed", "store": "dropped", "max_completion_tokens": "renamed", "service_tier": "dropped"}),
    ],
)
def test_replay_with_and_without_streaming(
    session_factory: SessionFactory, foreign_url: str, model: Path, server: str, differing: dict[str, str]
) -> None:
    recorded = {"max_completion_tokens": 24, "metadata": {"pair": "p"}, "user": "u-1", "temperature": 0, "store": True}
    recorded |= {"service_tier": "auto"}
    candidate = a_candidate(foreign_url, model=str(model), server=server, max_concurrency=2, timeout_seconds=120.0)
    with session_scope(session_factory) as session:
        pilot = a_replayable_pilot(session, candidate, exchanges=0)
        ids = add_exchanges(session, pilot, [a_request(number, stream=number % 2 == 1, **recorded) for number in range(8)])
    found = replay(session_factory)
    counts = found.replay.progress["qwen"]
    assert (found.replay.state, counts.asked, counts.answered) == (ReplayState.DONE, 8, 8), found.replay.message
    rows = stored(session_factory)
    for number, exchange_id in enumerate(ids):
        row, is_streamed = rows[exchange_id], number % 2 == 1
        assert row.content_chars
        assert row.total_seconds
        assert row.output_tokens == 24  # the bound was obeyed under the name that was sent, and counted by the server
        assert row.input_tokens
        assert (row.ttft_any_seconds is not None) is is_streamed
        log = {entry["parameter"]: entry["action"] for entry in row.adaptation}
        assert log == differing | ({"stream_options": "changed"} if is_streamed else {})
    streamed = rows[ids[1]]
    assert streamed.ttft_any_seconds == streamed.ttft_visible_seconds
    assert streamed.ttft_any_seconds is not None
    assert streamed.total_seconds is not None
    assert 0 < streamed.ttft_any_seconds < streamed.total_seconds


def test_a_streamed_reply_is_the_whole_one(foreign_url: str, model: Path) -> None:
    request = a_request(temperature=0, max_tokens=24)
    target = Target(foreign_url, str(model))

    async def both() -> list[Reply]:
        async with open_client(Limits()) as client:
            answers = [await client.ask(request, target, stream=stream) for stream in (False, True)]
        assert all(isinstance(answer.reply, Reply) for answer in answers), answers
        return [answer.reply for answer in answers if isinstance(answer.reply, Reply)]

    whole, streamed = asyncio.run(both())
    assert whole.content == streamed.content
    assert whole.usage.output_tokens == streamed.usage.output_tokens == 24
    assert whole.finish_reason == streamed.finish_reason
    assert None not in (streamed.timing.ttft_any_seconds, streamed.timing.total_seconds)
    assert whole.timing.ttft_any_seconds is None
