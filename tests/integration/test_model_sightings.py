"""What candidates' servers say that they serve, over real HTTP: at the start, daily, and when it changes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from aiohttp import web
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.domain.epochs import ModelSighting
from app.domain.exchange import Json
from app.domain.pilot import Pilot
from app.domain.words import Role
from app.pipeline.model_sightings import fingerprint_warnings, look_at_models, look_daily, notes_on
from app.pipeline.scorecard import compute_scorecard
from app.simulator.assistant import CANDIDATE
from app.simulator.completions import Answer, Refusal
from app.simulator.models import SimulatedModel
from app.simulator.serving import Endpoint, serve
from app.store.model_sightings import MOST_FINGERPRINTS, note_fingerprints, sightings_of
from app.store.session import SessionFactory, session_scope
from tests.api import PILOT_TOML, an_api
from tests.integration.replay_runs import replay
from tests.integration.replaying import a_candidate, a_replayable_pilot
from tests.integration.scorecard_pilots import started
from tests.integration.scorecard_rows import DAY, NOW, START
from tests.integration.test_recorder import stored as recorded
from tests.integration.test_registration import daily
from tests.live_events import exchange, reply
from tests.model_servers import completion, model_server

HOUR = timedelta(hours=1)
NOBODY = "http://127.0.0.1:9/v1"


@dataclass
class Swapped:
    """A role whose model somebody exchanges while its server runs."""

    model: str

    def answer(self, request: Json) -> Answer | Refusal:
        return SimulatedModel(CANDIDATE, self.model, 5).answer(request)


@contextmanager
def served(role: Swapped) -> Iterator[str]:
    with serve(Endpoint(role)) as url:
        yield f"{url}/v1"


def candidate(url: str, name: str = "qwen", model: str = "qwen-1", **more: str) -> Json:
    return {"name": name, "base_url": url, "model": model} | more


def kept(sessions: SessionFactory, pilot: Pilot) -> list[ModelSighting]:
    with sessions() as session:
        return sightings_of(session, pilot.id)


def test_what_is_served_is_kept_and_what_is_wrong_with_it_is_said(session_factory: SessionFactory) -> None:
    with served(Swapped("qwen-1")) as url:
        candidates = [candidate(url), candidate(url, "llama", "llama-3"), candidate(NOBODY, "gone"),
                      candidate("https://api.example.com/v2", "mini"), candidate(url, "closed", api_key_env="NO_SUCH_KEY"),
                      candidate("http://169.254.169.254/v1", "metadata")]  # fmt: skip
        with session_scope(session_factory) as session:
            pilot = started(session, [], candidate=candidates)
        look_at_models(session_factory, pilot, START, environment={})
    found = {sighting.arm: sighting for sighting in kept(session_factory, pilot)}
    assert found.keys() == {"qwen", "llama", "gone", "closed", "metadata"}, "production's vendor is not asked"
    assert (found["qwen"].ids, found["qwen"].served, found["qwen"].failure) == (("qwen-1",), "qwen-1", None)
    assert (found["qwen"].base_url, found["qwen"].at, found["qwen"].created) == (url, START, 0)
    assert (found["gone"].ids, found["gone"].served) == ((), "")
    notes = notes_on(list(found.values()), pilot)
    assert notes[0] == "qwen serves qwen-1"
    assert notes[1] == f"llama: {url}/models does not list 'llama-3', but qwen-1"
    assert notes[2].startswith(f"what gone serves is not known: {NOBODY}/models: Cannot connect")
    assert "NO_SUCH_KEY" in notes[3]
    assert "link-local" in notes[4]


def test_each_pilot_is_looked_at_once_a_day_while_its_window_runs(session_factory: SessionFactory) -> None:
    role = Swapped("qwen-1")
    with served(role) as url:
        with session_scope(session_factory) as session:
            pilot = started(session, [], candidate=[candidate(url)])
        looked = [look_daily(session_factory, START + hours * HOUR) for hours in (-1, 1, 2, 24, 25, 28 * 24 + 1)]
    assert looked == [0, 1, 0, 1, 0, 0]
    assert [sighting.at for sighting in kept(session_factory, pilot)] == [START + HOUR, START + 24 * HOUR]


def test_another_model_at_the_same_address_opens_an_epoch(session_factory: SessionFactory) -> None:
    role = Swapped("qwen-1")
    with served(role) as url:
        with session_scope(session_factory) as session:
            pilot = started(session, daily(range(1, 29), candidate=""), candidate=[candidate(url, license="MIT")])
        for day in (3, 4):
            look_daily(session_factory, START + day * DAY)
        role.model = "qwen-2"
        look_daily(session_factory, START + 5 * DAY)
    card = compute_scorecard(session_factory, pilot.name, now=NOW)
    assert [(epoch.first_day, epoch.days) for epoch in card.registration.epochs["qwen"]] == [(1, 6), (7, 22)]
    change = card.registration.epochs["qwen"][1].changes[0]
    assert (change.before, change.after, change.at, change.seen_in) == ("qwen-1", "qwen-2", START + 5 * DAY, "models")
    earlier = compute_scorecard(session_factory, pilot.name, START + 4 * DAY, now=NOW)
    assert len(earlier.registration.epochs["qwen"]) == 1


def test_the_start_says_what_is_served_and_nothing_stops_it(session_factory: SessionFactory, tmp_path: Path) -> None:
    with an_api(session_factory, tmp_path, role=Role.OPERATOR) as api, served(Swapped("Qwen/Qwen3.5-27B")) as url:
        assert note_of_start(api, "one", url) == "qwen serves Qwen/Qwen3.5-27B"
        assert note_of_start(api, "two", NOBODY).startswith("what qwen serves is not known")


def note_of_start(api: TestClient, name: str, url: str) -> str:
    api.post("/api/v1/pilots", content=PILOT_TOML.replace("support-bot", name).replace("http://vllm:8000/v1", url))
    body = api.post(f"/api/v1/pilots/{name}/start").json()
    assert body["state"] == "running"
    note: str = body["notes"][-1]
    return note


def test_fingerprints_of_replayed_replies_are_kept_once(session_factory: SessionFactory) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(completion("hello") | {"system_fingerprint": "fp_1"})

    with model_server(answer) as url:
        with session_scope(session_factory) as session:
            pilot = a_replayable_pilot(session, a_candidate(url), exchanges=3)
        replay(session_factory)
    assert [(seen.arm, seen.source, seen.fingerprint) for seen in kept(session_factory, pilot)] == [("qwen", "reply", "fp_1")]


def test_a_fingerprint_that_is_new_is_a_hint_and_no_epoch(session: Session) -> None:
    pilot = started(session, [], candidate=[candidate(NOBODY, license="MIT")])
    arm = pilot.arm_named("qwen").id
    note_fingerprints(session, pilot.id, [(arm, "fp_1", START + HOUR), (arm, "fp_1", START), (arm, "fp_2", START + 4 * DAY)])
    note_fingerprints(session, pilot.id, [(arm, "fp_1", START + 9 * DAY)])
    assert fingerprint_warnings(sightings_of(session, pilot.id), pilot) == [
        "the system_fingerprint of qwen changed on day 5 (new: fp_2): a hint that its server was changed; evidence goes on"
    ]
    note_fingerprints(session, pilot.id, [(arm, f"each its own {number}", START) for number in range(200)])
    assert len(sightings_of(session, pilot.id)) == MOST_FINGERPRINTS


def test_fingerprints_of_live_replies_are_kept(session: Session) -> None:
    pilot = started(session, [], pilot={"name": "support-bot", "starts": START.date()})
    recorded(session, exchange(1), reply(1, columns={"fingerprint": "fp_1"}), reply(1, "qwen"))
    assert [(seen.arm, seen.fingerprint) for seen in sightings_of(session, pilot.id)] == [("incumbent", "fp_1")]
    assert json.dumps([seen.served for seen in sightings_of(session, pilot.id)]) == '[""]'
