"""The official SDKs, unchanged: what they get and send is the same with the gateway or the in-app transport between."""

import json
import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from app.capture.batches import CountItem, Item, RequestItem, read_batch
from app.domain.live import MirrorEvent, ReplyEvent, RequestEvent
from app.stack.redis import EmbeddedRedis
from tests.contract.sdk_captured import check_copies
from tests.contract.sdk_environments import NODE_SDK, PYTHON_SDKS, Sdk, sdk_named
from tests.contract.sdk_gateway import Gateway, gateway_before
from tests.contract.sdk_vendor import Heard, ScriptedVendor, serving
from tests.running import ROOT

CALLS_SECONDS = 60.0
MOST_SECONDS_TO_CUT = 1.0


@dataclass
class Run:
    """What one run of the calls gave, and what the vendor heard of it."""

    results: dict[str, Any]
    heard: Heard


def run_calls(sdk: Sdk, vendor: ScriptedVendor, *arguments: str, python_path: Path | None = None) -> Run:
    """Runs the SDK's script; its environment has nothing of this one."""
    vendor.heard = Heard()
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    if python_path is not None:
        environment["PYTHONPATH"] = str(python_path)
    done = subprocess.run(
        [*sdk.command, *arguments], cwd=sdk.folder, env=environment, check=False, capture_output=True, text=True,
        timeout=CALLS_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr == ""
    return Run(json.loads(done.stdout)["results"], vendor.heard)


@pytest.fixture(scope="module")
def vendor() -> ScriptedVendor:
    return ScriptedVendor()


@pytest.fixture(scope="module")
def vendor_url(vendor: ScriptedVendor) -> Iterator[str]:
    with serving(vendor.application()) as url:
        yield f"{url}/v1"


@pytest.fixture(scope="module", params=[*PYTHON_SDKS, "node"], ids=[*PYTHON_SDKS.values(), NODE_SDK])
def sdk(request: pytest.FixtureRequest) -> Sdk:
    return sdk_named(request.param)


@pytest.fixture(scope="module")
def direct(sdk: Sdk, vendor: ScriptedVendor, vendor_url: str) -> Run:
    return run_calls(sdk, vendor, vendor_url)


def check_run(found: Run, direct: Run) -> None:
    """All that the client got and the vendor was sent is the same; what was cancelled was cut."""
    timed = ("cancelled", "asynchronous")
    for name, result in direct.results.items():
        assert name in timed or found.results[name] == result, name
    if "asynchronous" in direct.results:
        assert found.results["asynchronous"]["replies"] == direct.results["asynchronous"]["replies"]
        assert found.results["asynchronous"]["was_cancelled"] is True
    assert in_any_order(found.heard.requests) == in_any_order(direct.heard.requests)
    for status in ("429", "503"):
        assert found.heard.counts[f"once-{status}"] == 2
        assert found.results["retried"][status][1] is True
    assert min(seconds_to_cut(found)) < MOST_SECONDS_TO_CUT


def in_any_order(requests: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(request, sort_keys=True) for request in requests)


def seconds_to_cut(run: Run) -> list[float]:
    """Between the client's closing and the vendor's seeing it."""
    closed = {f"endless-{number}": at for number, at in enumerate(run.results["cancelled"])}
    if "asynchronous" in run.results:
        closed["hang"] = run.results["asynchronous"]["closed"]
    return [run.heard.cut_at[user] - at for user, at in closed.items()]


def test_the_scripts_do_what_they_say(direct: Run) -> None:
    check_run(direct, direct)
    results = direct.results
    assert [found[1] for found in results["refused"].values()] == [int(status) for status in results["refused"]]
    assert len(results["refused"]) == 7
    assert ["retry-after", "0.3"] in results["refused"]["429"][4]
    assert results["chat"]["request_id"] == "req_0123456789"
    assert results["tools"]["call"]["function"]["name"] == "look_up"
    assert set(results["structured"]) == {"subject", "urgent"}
    assert results["broken"][0] == "APIError"


@pytest.fixture(scope="module")
def gateway(vendor_url: str, redis_server: EmbeddedRedis) -> Iterator[Gateway]:
    with (
        tempfile.TemporaryDirectory(prefix="pp-sdk-") as home,
        gateway_before(vendor_url, Path(home), redis_server.url) as made,
    ):
        yield made


def test_the_gateway_changes_nothing_and_copies_everything(
    sdk: Sdk, vendor: ScriptedVendor, direct: Run, gateway: Gateway
) -> None:
    gateway.forget()
    found = run_calls(sdk, vendor, gateway.url if sdk.name != "python-2" else gateway.pilot_url)
    check_run(found, direct)
    mirrored = sum(request["is_mirrored"] for request in found.heard.requests)
    check_copies(gateway.events(mirrored), found.heard)


@dataclass
class Service:
    """Takes what the in-app transport copies, as `POST /ingest` does (docs/in-app.md)."""

    events: list[MirrorEvent] = field(default_factory=list)
    has_ended: threading.Event = field(default_factory=threading.Event)

    def application(self) -> web.Application:
        """Its one route."""
        made = web.Application(client_max_size=64 << 20)
        made.router.add_post("/ingest", self._take)
        return made

    async def _take(self, http: web.Request) -> web.Response:
        batch = read_batch(await http.read())
        assert batch.refused == ()
        for given in batch.events:
            self._note(given.item, given.parts)
        pilots = {"support-bot": {"mirrors": True, "repeats_request": False}}
        return web.json_response({"accepted": 1, "refused": [], "pilots": pilots, "clock_offset_seconds": None})

    def _note(self, item: Item, parts: tuple[bytes | None, ...]) -> None:
        if isinstance(item, CountItem):
            if item.is_final:
                self.has_ended.set()
            return
        said = item.model_dump(exclude={"kind"}) | {"boot": "app", "hints": item.hints.hints(), "body": parts[0]}
        made = RequestEvent if isinstance(item, RequestItem) else ReplyEvent
        self.events.append(made(**said))


@pytest.fixture
def client_only(tmp_path: Path) -> Path:
    """A folder to import from that holds the published package and nothing else."""
    (tmp_path / "parallel_pilot").symlink_to(ROOT / "parallel_pilot")
    return tmp_path


@pytest.mark.parametrize("sdk", PYTHON_SDKS, indirect=True)
def test_the_in_app_transport_changes_nothing_and_copies_everything(
    sdk: Sdk, vendor: ScriptedVendor, vendor_url: str, direct: Run, client_only: Path
) -> None:
    service = Service()
    with serving(service.application()) as service_url:
        found = run_calls(sdk, vendor, vendor_url, service_url, python_path=client_only)
        assert service.has_ended.wait(5)
    check_run(found, direct)
    check_copies(service.events, found.heard)


@pytest.mark.parametrize("sdk", ["python-1", "python-3"], indirect=True)
def test_without_a_gateway_the_calls_go_straight_to_the_vendor(
    sdk: Sdk, vendor: ScriptedVendor, vendor_url: str, direct: Run, client_only: Path
) -> None:
    service = Service()
    with socket.create_server(("127.0.0.1", 0)) as free, serving(service.application()) as service_url:
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/p/support-bot/v1"
        free.close()
        found = run_calls(sdk, vendor, nobody, service_url, vendor_url, python_path=client_only)
        assert service.has_ended.wait(5)
    check_run(found, direct)
    check_copies(service.events, found.heard)
