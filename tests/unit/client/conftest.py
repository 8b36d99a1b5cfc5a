"""A vendor and a service for each test; what a test leaves waiting is not sent to anybody."""

from collections.abc import Iterator
from typing import Any

import pytest

from parallel_pilot import sending, shadow
from tests.unit.client.servers import PILOT, Server, Service, serving, vendor


@pytest.fixture
def vendor_server() -> Iterator[Server]:
    with serving(vendor) as server:
        yield server


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Shorter pauses, and an end to every thread that the test started."""
    monkeypatch.setattr(sending, "GATHER_SECONDS", 0.005)
    monkeypatch.setattr(sending, "COUNT_SECONDS", 0.05)
    monkeypatch.setattr(sending, "FIRST_PAUSE_SECONDS", 0.02)
    yield
    sending.end_all()
    for sender in sending._senders.values():
        sender.wait_for_end(10)
    sending._senders.clear()
    shadow._with_transport.clear()


@pytest.fixture
def service_server(service: Service) -> Iterator[Server]:
    with serving(service) as server:
        yield server


@pytest.fixture
def arguments(service_server: Server) -> dict[str, Any]:
    return {"pilot": PILOT, "service_url": service_server.url, "api_key": "pp_key"}
