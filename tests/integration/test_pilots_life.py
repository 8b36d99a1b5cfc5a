"""A pilot's life through the API: draft, running, stopped; what is fixed, what is listed, what is refused."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient

from app.domain.words import Role
from app.pipeline.pilots import start_pilot
from app.pipeline.status import current_day, days_left
from app.store.audit import list_actions
from app.store.pilots import get_pilot
from app.store.registrations import registration_of
from app.store.session import SessionFactory, session_scope
from app.store.tables import ArmRow, ExchangeRow, PairRow, ReplyRow
from tests.api import PILOT_TOML, an_api

SECOND = '[[candidate]]\nname = "llama"\nbase_url = "http://b/v1"\nmodel = "meta-llama/Llama"\n'
SEGMENT = '[[segment]]\nname = "billing"\n'


@pytest.fixture
def api(session_factory: SessionFactory, tmp_path: Path) -> Iterator[TestClient]:
    with an_api(session_factory, tmp_path, role=Role.OPERATOR) as made:
        yield made


def create(api: TestClient, toml: str = PILOT_TOML) -> dict[str, Any]:
    answer = api.post("/api/v1/pilots", content=toml, headers={"content-type": "application/toml"})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def step(api: TestClient, verb: str, name: str = "support-bot", **json: Any) -> Any:
    return api.post(f"/api/v1/pilots/{name}/{verb}", json=json or None)


def configure(api: TestClient, toml: str, name: str = "support-bot") -> Any:
    return api.put(f"/api/v1/pilots/{name}/configuration", content=toml)


def add_exchange(factory: SessionFactory, at: datetime, *, segment: str = "other", replies: tuple[str, ...] = ()) -> None:
    with session_scope(factory) as session:
        pilot = get_pilot(session, "support-bot")
        row = ExchangeRow(
            pilot_id=pilot.id, external_id=f"e-{at.isoformat()}-{segment}", arrived_at=at, conversation_id="c", segment=segment,
            sample_point=0.5, source="imported",
        )  # fmt: skip
        session.add(row)
        session.flush()
        for name in replies:
            arm = pilot.arm_named(name)
            session.add(ReplyRow(exchange_id=row.id, arm_id=arm.id, pilot_id=pilot.id, source="imported"))
            session.flush()
            session.add(PairRow(exchange_id=row.id, arm_id=arm.id, pilot_id=pilot.id, state="settled", ungraded="no_judge"))


def test_a_new_pilot_is_a_draft_and_guesses_are_said(api: TestClient) -> None:
    made = create(api)
    assert (made["state"], made["starts_at"], made["days"], made["is_default"]) == ("draft", None, 28, True)
    assert [guess["field"] for guess in made["guesses"]] == ["incumbent.family", "candidate[0].family"]
    assert any("guessed" in note for note in made["notes"])
    assert made["configuration"]["incumbent"]["family"] == "openai"
    assert api.get("/api/v1/pilots/support-bot").json()["guesses"] == made["guesses"]
    second = create(api, PILOT_TOML.replace("support-bot", "second"))
    assert second["is_default"] is False
    assert [p["name"] for p in api.get("/api/v1/pilots").json()] == ["support-bot", "second"]
    taken = api.post("/api/v1/pilots", content=PILOT_TOML)
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "conflict")


def test_starts_given_is_day_1_in_the_pilots_timezone(api: TestClient) -> None:
    made = create(api, PILOT_TOML.replace("[incumbent]", 'starts = 2026-10-20\ntimezone = "Europe/Berlin"\n[incumbent]'))
    assert made["starts_at"] == "2026-10-19T22:00:00Z"
    # 28 whole days of 24 h, although clocks in Berlin go back an hour in between
    assert made["ends_at"] == "2026-11-16T22:00:00Z"


def test_the_default_start_is_the_day_of_the_oldest_exchange(api: TestClient, session_factory: SessionFactory) -> None:
    create(api, PILOT_TOML.replace("[incumbent]", 'timezone = "America/New_York"\n[incumbent]'))
    add_exchange(session_factory, datetime(2026, 10, 2, 3, 0, tzinfo=UTC))
    assert api.get("/api/v1/pilots/support-bot").json()["starts_at"] == "2026-10-01T04:00:00Z"
    started = step(api, "start").json()
    assert started["starts_at"] == "2026-10-01T04:00:00Z"
    assert "oldest imported exchange" in started["notes"][0]


def test_without_exchanges_it_starts_today(api: TestClient) -> None:
    create(api)
    today = datetime.now(UTC).date()
    started = step(api, "start").json()
    assert datetime.fromisoformat(started["starts_at"]).date() in {today, today + timedelta(days=1)}
    assert "today" in started["notes"][0]


def test_the_registration_is_the_hash_of_its_document(api: TestClient, session_factory: SessionFactory) -> None:
    create(api)
    add_exchange(session_factory, datetime(2026, 10, 2, 3, 0, tzinfo=UTC))
    started = step(api, "start").json()
    with session_scope(session_factory) as session:
        registration = registration_of(session, get_pilot(session, "support-bot").id)
    assert registration is not None
    assert registration.hash == started["registration_hash"]
    canonical = orjson.dumps(registration.document, option=orjson.OPT_SORT_KEYS)
    assert registration.hash == hashlib.sha256(canonical).hexdigest()
    assert registration.document["configuration"] == started["configuration"]
    assert registration.document["exchanges_before"] == 1


def test_of_where_messages_go_the_host_alone_is_told(api: TestClient) -> None:
    made = create(api, PILOT_TOML + '[notify]\nwebhook_url = "https://hooks.example.com/SECRET"\n')
    assert made["configuration"]["notify"]["webhook_url"] == "https://hooks.example.com"
    step(api, "start")
    changed = configure(api, PILOT_TOML + '[notify]\nwebhook_url = "https://hooks.example.com/SECRET-2"\n')
    assert [change["path"] for change in changed.json()["changes"]] == ["notify.webhook_url"]
    assert "SECRET" not in changed.text + api.get("/api/v1/pilots/support-bot").text


def test_steps_out_of_order_are_conflicts(api: TestClient) -> None:
    create(api)
    assert step(api, "stop").status_code == 409
    assert step(api, "extend").status_code == 409
    assert step(api, "start").json()["state"] == "running"
    assert step(api, "start").status_code == 409
    assert step(api, "detach").status_code == 409
    assert step(api, "extend", days=15).status_code == 422
    assert step(api, "extend").json()["days"] == 42
    assert step(api, "extend").status_code == 409
    stopped = step(api, "stop").json()
    assert stopped["state"] == "stopped"
    assert stopped["stopped_at"] is not None
    assert step(api, "start").status_code == 409
    assert step(api, "detach").json()["is_detached"] is True
    assert step(api, "default").status_code == 409
    assert step(api, "stop", "nobody").status_code == 404


def test_default_moves_and_mirror_switches(api: TestClient) -> None:
    create(api)
    create(api, PILOT_TOML.replace("support-bot", "second"))
    assert step(api, "default", "second").json()["is_default"] is True
    assert [p["is_default"] for p in api.get("/api/v1/pilots").json()] == [False, True]
    assert step(api, "mirror", on=False).json()["mirror_on"] is False
    assert step(api, "mirror", on=True).json()["mirror_on"] is True
    assert step(api, "mirror", on="perhaps").status_code == 422


def test_a_draft_is_configured_freely_and_its_arms_follow(api: TestClient) -> None:
    create(api)
    changed = configure(api, PILOT_TOML.replace("Qwen/Qwen3.5-27B", "Qwen/Qwen4") + SECOND + SEGMENT).json()
    assert [(arm["name"], arm["model"]) for arm in changed["arms"]] == [
        ("incumbent", "gpt-5.1"), ("qwen", "Qwen/Qwen4"), ("llama", "meta-llama/Llama"),
    ]  # fmt: skip
    assert changed["changes"] == []
    assert "changed: candidate[qwen].model" in changed["notes"]
    back = configure(api, PILOT_TOML).json()
    assert [arm["name"] for arm in back["arms"]] == ["incumbent", "qwen"]
    assert configure(api, PILOT_TOML.replace("support-bot", "other-name")).status_code == 409


def test_what_has_data_cannot_be_taken_out_of_a_draft(api: TestClient, session_factory: SessionFactory) -> None:
    create(api, PILOT_TOML + SECOND + SEGMENT)
    add_exchange(session_factory, datetime(2026, 10, 2, tzinfo=UTC), segment="billing", replies=("llama",))
    refused = configure(api, PILOT_TOML)
    assert refused.status_code == 409
    assert "'llama'" in refused.json()["error"]["message"]
    assert "'billing'" in refused.json()["error"]["message"]


def test_changes_after_the_start_are_listed(api: TestClient) -> None:
    create(api, PILOT_TOML + SEGMENT)
    hash_before = step(api, "start").json()["registration_hash"]
    toml = PILOT_TOML.replace('model = "gpt-5.1"', 'model = "gpt-5.2"') + SECOND + SEGMENT + "[quality]\nmargin = 0.1\n"
    changed = configure(api, toml).json()
    listed = {change["path"]: (change["before"], change["after"]) for change in changed["changes"]}
    assert listed["incumbent.model"] == ("gpt-5.1", "gpt-5.2")
    assert listed["quality.margin"] == (0.05, 0.1)
    assert listed["candidate[llama].name"] == (None, "llama")
    assert {change["by"] for change in changed["changes"]} == {"test-operator"}
    assert changed["registration_hash"] == hash_before
    assert len(configure(api, toml).json()["changes"]) == len(changed["changes"])


@pytest.mark.parametrize(
    "toml",
    [
        PILOT_TOML + SEGMENT,
        PILOT_TOML + SECOND,
        PILOT_TOML + SECOND + SEGMENT + SEGMENT.replace("billing", "late"),
        PILOT_TOML + SECOND + SEGMENT.replace("billing", "renamed"),
        PILOT_TOML.replace("[incumbent]", "days = 42\n[incumbent]") + SECOND + SEGMENT,
        PILOT_TOML.replace("[incumbent]", "starts = 2026-01-01\n[incumbent]") + SECOND + SEGMENT,
    ],
)
def test_candidates_segments_and_window_are_fixed_at_the_start(api: TestClient, toml: str) -> None:
    create(api, PILOT_TOML + SECOND + SEGMENT)
    step(api, "start")
    assert configure(api, toml).status_code == 409
    assert api.get("/api/v1/pilots/support-bot").json()["changes"] == []


def test_a_changed_judge_reopens_the_pairs(api: TestClient, session_factory: SessionFactory) -> None:
    create(api)
    add_exchange(session_factory, datetime(2026, 10, 2, tzinfo=UTC), replies=("qwen",))
    assert api.get("/api/v1/pilots/support-bot/status").json()["arms"]["qwen"]["settled"] == 1
    configure(api, PILOT_TOML + "[labels]\nper_day = 3\n")
    assert api.get("/api/v1/pilots/support-bot/status").json()["arms"]["qwen"]["settled"] == 1
    configure(api, PILOT_TOML + '[judge]\nrater = "gpt-4"\n')
    assert api.get("/api/v1/pilots/support-bot/status").json()["arms"]["qwen"]["pending"] == 1


def test_the_control_arm_comes_with_its_rate(api: TestClient, session_factory: SessionFactory) -> None:
    with_control = PILOT_TOML.replace('model = "gpt-5.1"', 'model = "gpt-5.1"\napi_key_env = "KEY"') + "[control]\nrate = 0.1\n"
    made = create(api, with_control)
    assert [arm["role"] for arm in made["arms"]] == ["incumbent", "candidate", "control"]
    configure(api, PILOT_TOML)
    with session_scope(session_factory) as session:
        assert session.query(ArmRow).count() == 3


def test_status_says_what_is_missing_next(api: TestClient, session_factory: SessionFactory) -> None:
    create(api)
    empty = api.get("/api/v1/pilots/support-bot/status").json()
    assert (empty["exchanges"], empty["days_left"], empty["spend_usd"]) == (0, None, "0.00")
    assert [text.partition(":")[0] for text in empty["next_steps"]][:2] == [
        "there is no exchange yet", "it is a draft, nothing counts yet",
    ]  # fmt: skip
    add_exchange(session_factory, datetime(2026, 10, 2, tzinfo=UTC), replies=("incumbent",))
    step(api, "start")
    status = api.get("/api/v1/pilots/support-bot/status").json()
    assert (status["day"], status["days_left"], status["exchanges"]) == (28, 0, 1)
    assert any("pilot replay support-bot --candidate qwen" in text for text in status["next_steps"])
    assert any("[judge]" in text for text in status["next_steps"])


def test_days_are_counted_from_the_start(api: TestClient, session_factory: SessionFactory) -> None:
    create(api, PILOT_TOML.replace("[incumbent]", "starts = 2026-11-02\n[incumbent]"))
    with session_scope(session_factory) as session:
        pilot = start_pilot(session, "support-bot", "me", datetime(2026, 11, 1, tzinfo=UTC)).pilot
    start = datetime(2026, 11, 2, tzinfo=UTC)
    expected = {timedelta(seconds=-1): (0, 29), timedelta(0): (1, 28), timedelta(days=1): (2, 27), timedelta(days=40): (28, 0)}
    assert {past: (current_day(pilot, start + past), days_left(pilot, start + past)) for past in expected} == expected


def test_every_write_is_in_the_audit_log(api: TestClient, session_factory: SessionFactory) -> None:
    create(api)
    configure(api, PILOT_TOML + SECOND)
    for verb in ("default", "start", "extend", "stop", "detach"):
        step(api, verb)
    step(api, "mirror", on=False)
    with session_scope(session_factory) as session:
        actions = [action for _, action in list_actions(session, get_pilot(session, "support-bot").id)]
    verbs = ("create", "configure", "default", "start", "extend", "stop", "detach", "mirror")
    assert actions == [f"pilot.{verb}" for verb in verbs]
