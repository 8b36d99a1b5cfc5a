"""The gateway's file follows every commit that changes a pilot."""

import json
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.domain.routing import FILE_NAME, routing_of
from app.pipeline.routing import write_routing, writes_routing
from app.store.session import SessionFactory, make_engine, make_session_factory
from tests.api import PILOT_TOML, an_api

INCUMBENT = "https://api.openai.com/v1"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def engine_of_our_own(fresh_database_url: str) -> Iterator[Engine]:
    made = make_engine(fresh_database_url)
    yield made
    made.dispose()


@pytest.fixture
def reads_only(engine_of_our_own: Engine) -> SessionFactory:
    return make_session_factory(engine_of_our_own)


@pytest.fixture
def api(engine_of_our_own: Engine, reads_only: SessionFactory, home: Path) -> Iterator[TestClient]:
    factory = make_session_factory(engine_of_our_own, on_pilot_change=writes_routing(reads_only, home))
    with an_api(factory, home) as made:
        yield made


def written(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / FILE_NAME).read_bytes())
    routing_of(found)  # the gateway can read it
    return found


def create(api: TestClient, name: str) -> None:
    toml = PILOT_TOML.replace("support-bot", name)
    assert api.post("/api/v1/pilots", content=toml.encode()).status_code == 201


def step(api: TestClient, name: str, verb: str, document: dict[str, Any] | None = None) -> Any:
    answer = api.post(f"/api/v1/pilots/{name}/{verb}", json=document)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_each_step_of_a_pilots_life_reaches_the_file(api: TestClient, home: Path) -> None:
    create(api, "one")
    route = {"incumbent_url": INCUMBENT, "mirrors": False, "strictest_level": "full"}
    assert written(home) == {"version": 1, "default": "one", "pilots": {"one": route}}

    step(api, "one", "start")
    assert written(home)["pilots"]["one"]["mirrors"] is True
    step(api, "one", "mirror", {"on": False})
    assert written(home)["pilots"]["one"]["mirrors"] is False
    step(api, "one", "mirror", {"on": True})
    assert written(home)["pilots"]["one"]["mirrors"] is True

    # Another address of the incumbent is followed; a wrong file changes nothing.
    moved = PILOT_TOML.replace("support-bot", "one").replace("api.openai.com", "eu.api.openai.com")
    assert api.put("/api/v1/pilots/one/configuration", content=moved.encode()).status_code == 200
    assert written(home)["pilots"]["one"]["incumbent_url"] == "https://eu.api.openai.com/v1"
    assert api.put("/api/v1/pilots/one/configuration", content=b"[pilot]").status_code == 422
    assert written(home)["pilots"]["one"]["incumbent_url"] == "https://eu.api.openai.com/v1"

    # A stopped pilot is forwarded, unmirrored, until it is detached.
    step(api, "one", "stop")
    assert written(home)["pilots"]["one"]["mirrors"] is False


def test_the_default_is_the_first_until_another_is_named(api: TestClient, home: Path) -> None:
    create(api, "one")
    create(api, "two")
    assert written(home)["default"] == "one"
    step(api, "two", "default")
    assert written(home)["default"] == "two"

    # Detached, it is no default any more, and nobody takes its place unasked.
    notes = step(api, "two", "detach")["notes"]
    assert any("pilot default NAME" in note for note in notes)
    assert written(home) | {"pilots": sorted(written(home)["pilots"])} == {"version": 1, "default": None, "pilots": ["one"]}
    step(api, "one", "default")
    assert written(home)["default"] == "one"


def test_the_file_can_be_read_by_a_gateway_of_another_user_and_is_left_alone_if_nothing_changed(
    api: TestClient, reads_only: SessionFactory, home: Path
) -> None:
    create(api, "one")
    file = home / FILE_NAME
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    before = file.stat().st_ino
    assert not write_routing(reads_only, home)
    assert file.stat().st_ino == before

    # What somebody broke is written anew.
    file.write_text("{")
    assert write_routing(reads_only, home)
    assert set(written(home)["pilots"]) == {"one"}


def test_many_changes_at_once_end_with_the_file_of_the_last_one(api: TestClient, home: Path) -> None:
    create(api, "one")
    step(api, "one", "start")

    def switch(number: int) -> None:
        step(api, "one", "mirror", {"on": number % 2 == 0})

    threads = [threading.Thread(target=switch, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = api.get("/api/v1/pilots/one").json()
    assert written(home)["pilots"]["one"]["mirrors"] is stored["mirror_on"]
    assert not list(home.glob(f".{FILE_NAME}.*"))


def test_whoever_changes_a_pilot_is_told_if_the_gateway_cannot_learn_of_it(api: TestClient, home: Path) -> None:
    create(api, "one")
    (home / FILE_NAME).unlink()
    (home / FILE_NAME).mkdir()
    (home / FILE_NAME / "in the way").touch()
    answer = api.post("/api/v1/pilots/one/mirror", json={"on": False})
    assert answer.status_code == 500
    assert "mirror.off" in answer.json()["error"]["message"]
