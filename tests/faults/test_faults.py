"""Production does not notice what is done to a stack; the ledger accounts for all of it, each exchange is one row.

A few faults of each kind; `./run bench faults` runs all of them and measures latency: tests share their machine.
"""

from collections.abc import Iterator

import pytest

from tests.faults.mounts import can_mount
from tests.faults.running import problems, run
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.site import Site, site

SECONDS = 4.0
FAULT_SECONDS = 1.5
QUICK = (
    "gateway killed",
    "redis and postgres stopped",
    "disk of postgres full",
    "clock of gateway an hour ahead",
    "redis over its memory",
    "every gateway replaced in turn",
)
BY_NAME = {each.name: each for each in SCENARIOS}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("faults")
    folder.chmod(0o711)
    with site(folder) as made:
        made.fault_seconds = FAULT_SECONDS
        yield made


@pytest.mark.parametrize("name", QUICK)
def test_production_does_not_notice(place: Site, name: str) -> None:
    scenario = BY_NAME[name]
    if scenario.needs == "root" and not can_mount():
        pytest.skip("a small disk of the test's own needs root")
    cell = run(place, scenario, SECONDS, name.replace(" ", "-"))
    assert problems(cell, scenario) == [], cell.document()


def test_scenarios_have_names_of_their_own() -> None:
    assert len(BY_NAME) == len(SCENARIOS)
    assert len(SCENARIOS) >= 30
    assert {Scenario} == {type(each) for each in SCENARIOS}
