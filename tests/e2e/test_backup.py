"""The drill: a back-up of a stack that works under traffic, and everything of it in another home."""

import json
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.live.production import KEY
from tests.live.stack import LiveStack, live_stack, wait_until
from tests.running import ROOT, Service, running_service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
START = datetime(2026, 9, 7, tzinfo=UTC)
AS_OF = (START + timedelta(days=15)).isoformat()
LIVE, PAST = "live", "past"
SECRET_WORD = "heliotrope"
TOML = """
[pilot]
name = "past"
starts = 2026-09-07
[decision]
reason = "cost"
[incumbent]
base_url = "https://api.example.com/v1"
model = "gpt-5.1"
input_usd_per_million_tokens = 1.25
output_usd_per_million_tokens = 10
[[candidate]]
name = "qwen"
base_url = "http://127.0.0.1:9/v1"
model = "Qwen/Qwen3"
family = "qwen"
license = "Apache-2.0"
gpu_usd_per_hour = 3.0
[judge]
rater = "gpt-4"
[cost]
engineer_usd_per_hour = 90
other_usd_per_month = 10
"""


def lines() -> bytes:
    """Fifteen days of pairs that a judge and people graded."""
    return b"".join(_line(number) for number in range(600))


def _line(number: int) -> bytes:
    reply = {"usage": {"prompt_tokens": 10, "completion_tokens": 5}, "finish_reason": "stop", "total_seconds": 1.2}
    document: dict[str, Any] = {
        "exchange_id": f"e-{number}",
        "arrived_at": (START + timedelta(minutes=36 * number)).isoformat(),
        "request": {"model": "gpt-5.1", "messages": [{"role": "user", "content": f"{SECRET_WORD} {number}"}]},
        "replies": {"incumbent": {"content": f"yes {number}", **reply}, "qwen": {"content": f"no {number}", **reply}},
        "preferences": [
            {"arm": "qwen", "by": "judge", "rater": "gpt-4", "shown_first": "incumbent", "value": float(number % 3 > 0)},
            {"arm": "qwen", "by": "judge", "rater": "gpt-4", "shown_first": "qwen", "value": float(number % 3 > 0)},
            {"arm": "qwen", "by": "person", "rater": "r1", "value": float(number % 4 > 0), "draw_probability": 0.5},
        ],
    }
    return json.dumps(document).encode() + b"\n"


def run(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "run"), *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stderr


@contextmanager
def traffic(stack: LiveStack) -> Iterator[list[int]]:
    """Requests to the gateway without a pause; how each was answered."""
    statuses: list[int] = []
    ended = threading.Event()

    def ask() -> None:
        with httpx2.Client(base_url=stack.gateway_url, headers={"Authorization": f"Bearer {KEY}"}, timeout=30) as client:
            while not ended.is_set():
                body = {
                    "model": "vendor-model",
                    "messages": [{"role": "user", "content": f"{SECRET_WORD} live {len(statuses)}"}],
                }
                statuses.append(client.post("/v1/chat/completions", json=body).status_code)

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for thread in asking:
        thread.start()
    try:
        yield statuses
    finally:
        ended.set()
        for thread in asking:
            thread.join()


def told(service: Service) -> dict[str, Any]:
    """What must be the same to the last digit."""
    card = service.get(f"/pilots/{PAST}/scorecard", as_of=AS_OF)
    page = httpx2.get(f"{service.url}/audit", headers={"Authorization": f"Bearer {service.key}"}).raise_for_status().text
    return {
        "scorecard": {name: value for name, value in card.items() if name != "made_at"},
        "hours": service.get(f"/pilots/{PAST}/hours"),
        "decisions": service.get(f"/pilots/{PAST}/decisions"),
        "audit": re.findall(r"<tr.*?</tr>", page, re.DOTALL),
    }


def prepare(service: Service) -> None:
    service.create(TOML)
    service.post(f"/pilots/{PAST}/start")
    assert service.import_lines(PAST, lines())["new"] == 600
    service.grade(PAST)
    hours = {"who": "ada", "worked_on": "2026-09-08", "hours": "2.5", "kind": "set-up"}
    service.post(f"/pilots/{PAST}/hours", hours)
    service.post(f"/pilots/{PAST}/reports", {})
    verdict = service.get(f"/pilots/{PAST}/scorecard")["candidates"]["qwen"]["verdict"]["outcome"]
    service.post(f"/pilots/{PAST}/decisions", {"outcome": verdict, "name": "Grace", "role": "Head of Platform"})


def holds_no_secret(file: Path, keys: list[bytes]) -> None:
    """Neither a key nor a text of production; a text in a bytea stands there in hexadecimal digits."""
    assert file.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(file) as archive:
        whole = b"".join(archive.read(name) for name in archive.namelist())
    for secret in (*(text.strip() for text in keys), SECRET_WORD.encode(), SECRET_WORD.encode().hex().encode()):
        assert secret not in whole


def under_traffic(stack: LiveStack, file: Path) -> int:
    """Backs up in the middle of traffic, of which nothing fails; how many requests there were."""
    with traffic(stack) as statuses:
        wait_until(lambda: len(statuses) > 50, 60)
        so_far = len(statuses)
        run(stack.environment, "backup", str(file))
        wait_until(lambda: len(statuses) > so_far + 50, 60)
    assert set(statuses) == {200}
    return len(statuses)


def test_a_backup_under_traffic_is_restored_into_another_home_to_the_last_digit(tmp_path: Path) -> None:
    file, homes = tmp_path / "pilot.backup", [tmp_path / name for name in ("one", "two")]
    for home in homes:
        home.mkdir()
    with live_stack(homes[0], pilots=(LIVE,)) as stack:
        prepare(stack.service)
        before = told(stack.service)
        assert len(before["audit"]) > 3
        asked = under_traffic(stack, file)
        assert told(stack.service) == before
        requests = stack.settled(LIVE, asked)["production_requests"]
        key = stack.service.key
        kept = [(homes[0] / name).read_bytes() for name in ("pepper", "stream.key", "payload.keys")]

    holds_no_secret(file, kept)
    environment = stack.environment | {"PILOT_HOME": str(homes[1])}
    checked = run(environment, "restore", str(file), "--check")
    assert "rows of" in checked
    assert f"{PAST}: 600 requests, and the ledger adds up to them" in checked
    assert not list(homes[1].iterdir())  # the drill has a folder of its own

    run(environment, "restore", str(file))
    again = subprocess.run(
        [sys.executable, str(ROOT / "run"), "restore", str(file)], env=environment, capture_output=True, text=True, check=False
    )
    assert (again.returncode, "is in use" in again.stderr) == (1, True)
    with running_service(homes[1]) as restored:
        assert restored.key == key
        assert told(restored) == before
        coverage = restored.get(f"/pilots/{LIVE}/scorecard")["coverage"]
        assert 50 <= coverage["production_requests"] <= requests
        assert sum(coverage["by_reason"].values()) == coverage["production_requests"]
