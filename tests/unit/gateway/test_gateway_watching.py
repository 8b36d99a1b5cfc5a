"""The routing file and the kill switch, read again and again; nothing that lies there can stop the gateway."""

import os
from pathlib import Path

import pytest

from app.domain.routing import PilotRoute, Routing
from app.gateway.watching import RoutingWatch
from tests.unit.gateway.front import write_routing

URL = "http://127.0.0.1:9/v1"
ROUTE = PilotRoute("live", URL, mirrors=True, strictest_level="full")


def looked(home: Path) -> RoutingWatch:
    watch = RoutingWatch(home)
    watch.look()
    return watch


def test_a_file_that_comes_later_is_found_and_its_changes_too(tmp_path: Path) -> None:
    watch = looked(tmp_path / "not-there-yet")
    assert (watch.routing, watch.failures) == (None, 0)
    watch = looked(tmp_path)
    write_routing(tmp_path, URL)
    watch.look()
    assert watch.routing == Routing("live", {"live": ROUTE})
    write_routing(tmp_path, URL, mirrors=False)
    watch.look()
    watch.look()
    assert watch.routing is not None
    assert not watch.routing.pilots["live"].mirrors
    assert (watch.reloads, watch.failures) == (2, 0)


@pytest.mark.parametrize(
    "damaged",
    [
        "", "{", "[]", "null", '"x"', '{"version": 2}', '{"version": 1}', '{"version": 1, "default": null, "pilots": []}',
        '{"version": 1, "default": null, "pilots": {"a": null}}',
        '{"version": 1, "default": null, "pilots": {"a": {"url": "x"}}}',
    ],
)  # fmt: skip
def test_a_damaged_file_keeps_what_was_known_and_is_counted_once(tmp_path: Path, damaged: str) -> None:
    write_routing(tmp_path, URL)
    watch = looked(tmp_path)
    (tmp_path / "routing.json").write_text(damaged)
    watch.look()
    watch.look()
    assert watch.routing == Routing("live", {"live": ROUTE})
    assert (watch.reloads, watch.failures) == (1, 1)
    (tmp_path / "routing.json").unlink()
    watch.look()
    assert watch.routing is not None


@pytest.mark.parametrize("damaged", [None, "", '{"version": 1, "def'])
def test_a_process_that_starts_while_the_file_is_damaged_or_gone_takes_its_copy(tmp_path: Path, damaged: str | None) -> None:
    file = tmp_path / "routing.json"
    write_routing(tmp_path, URL)
    file.rename(tmp_path / "routing.last.json")
    if damaged is not None:
        file.write_text(damaged)
    watch = looked(tmp_path)
    assert watch.routing == Routing("live", {"live": ROUTE})
    write_routing(tmp_path, URL, mirrors=False)
    watch.look()
    assert watch.routing is not None
    assert not watch.routing.pilots["live"].mirrors


@pytest.mark.skipif(os.name != "posix", reason="a folder in the file's place")
def test_a_folder_in_the_files_place_is_a_damaged_file(tmp_path: Path) -> None:
    (tmp_path / "routing.json").mkdir()
    watch = looked(tmp_path)
    assert (watch.routing, watch.failures) == (None, 1)


def test_the_switch_works_with_and_without_a_routing_file(tmp_path: Path) -> None:
    (tmp_path / "mirror.off").touch()
    watch = looked(tmp_path)
    assert watch.is_off
    (tmp_path / "mirror.off").unlink()
    watch.look()
    assert not watch.is_off
