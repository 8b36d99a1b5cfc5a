"""Simulated pilots through the API, the store, the day close and the gate end as the pure rule ends them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from typing_extensions import override

from app.jobs import Job
from app.pipeline.grading import GradingLimits, grade_pilot
from app.store.session import SessionFactory
from tests.api import Published, an_api
from tests.running import Service
from tests.simulation.comparison import BOUNDARY, PARITY, compared
from tests.simulation.worlds import World


class InProcess(Service):
    """The same client, spoken to without a network; the worker's turn is taken here."""

    def __init__(self, client: TestClient, session_factory: SessionFactory, published: Published) -> None:
        client.base_url = client.base_url.join("/api/v1/")
        super().__init__("http://testserver", "", http=client)
        self._session_factory = session_factory
        self._published = published

    @override
    def grade(self, name: str, *, seconds: float = 300) -> Any:
        self.post(f"/pilots/{name}/grading")
        job, arguments = self._published[-1]
        assert job is Job.GRADE
        grade_pilot(self._session_factory, arguments[0], GradingLimits())
        return self._until(f"/pilots/{name}/grading", lambda found: found["pending"] == 0, seconds)


@pytest.fixture
def service(session_factory: SessionFactory, tmp_path: Path) -> Iterator[InProcess]:
    published = Published()
    with an_api(session_factory, tmp_path, publish=published) as client:
        yield InProcess(client, session_factory, published)


@pytest.mark.parametrize("world", [BOUNDARY, PARITY], ids=["boundary", "parity"])
def test_the_gate_says_what_the_pure_rule_says_of_the_same_data(service: InProcess, world: World) -> None:
    rows = list(compared(service, world, runs=2, name="simulated"))
    assert [row for row in rows if not row["equal"]] == []
