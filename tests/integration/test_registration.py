"""What is registered at the start, what becomes of later changes, and epochs in scorecard and daily sums."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.domain.epochs import EpochKind
from app.domain.words import Role
from app.pipeline.configuration_changes import change_configuration
from app.pipeline.pilots import start_pilot
from app.pipeline.registration import digest_of, plan_of
from app.pipeline.scorecard import compute_scorecard
from app.store.closed_days import daily_sums
from app.store.pilots import get_pilot, insert_pilot
from app.store.registrations import registration_of
from app.store.session import SessionFactory, session_scope
from tests.api import PILOT_TOML, an_api
from tests.builders import a_configuration
from tests.integration.scorecard_pilots import PRICED, card_of, started
from tests.integration.scorecard_rows import DAY, NOW, START, Row, both, store_rows

JUDGED = (
    '[judge]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "judge-1"\nfamily = "other"\n'
    "input_usd_per_million_tokens = 0\noutput_usd_per_million_tokens = 0\n"
)
SEGMENTS = (
    '[[segment]]\nname = "billing"\nmargin = 0.1\n'
    '[[segment]]\nname = "lookup"\ngrader = "exact"\nincumbent_is_reference = true\n'
)  # fmt: skip
TOML = (
    PILOT_TOML.replace("http://vllm:8000", "http://127.0.0.1:9")
    + JUDGED
    + SEGMENTS
    + "[reliability]\nmax_failure_rate = 0.02\n"
)


@pytest.fixture
def api(session_factory: SessionFactory, tmp_path: Path) -> Iterator[TestClient]:
    with an_api(session_factory, tmp_path, role=Role.OPERATOR) as made:
        yield made


def test_the_start_writes_down_all_that_the_decision_rests_on(api: TestClient, session_factory: SessionFactory) -> None:
    draft = api.post("/api/v1/pilots", content=TOML).json()
    assert draft["plan"]["label_probability"] == {"billing": 0.3, "lookup": 0.0, "other": 0.3}
    body = api.post("/api/v1/pilots/support-bot/start").json()
    with session_scope(session_factory) as session:
        pilot = get_pilot(session, "support-bot")
        registration = registration_of(session, pilot.id)
    assert registration is not None
    document = registration.document
    assert registration.hash == digest_of(document) == plan_of(pilot, registration).seed
    assert (document["margin"], document["alpha"], document["alpha_by_segment"]) == (0.05, 0.05, 0.025)
    assert (document["looks"], document["planned_conversations"], document["labels_per_day"]) == ([14, 21, 28], 1400, 15)
    assert (document["max_failure_rate"], document["total_p95_seconds"], document["horizon_months"]) == (0.02, None, None)
    assert document["judge"]["model"] == "judge-1"
    assert len(document["judge"]["prompt_hash"]) == 64
    by_name = {segment["name"]: segment for segment in document["segments"]}
    assert by_name["billing"]["grader_version"] == document["judge"]["version"] == by_name["other"]["grader_version"]
    assert (by_name["lookup"]["grader"], by_name["lookup"]["grader_version"]) == ("exact", "1")
    assert body["plan"] == draft["plan"]
    assert body["plan"]["looks"] == [14, 21, 28]
    assert any(
        note.startswith("registered: alpha 0.05 (a segment 0.025), looks after day 14, 21, 28") for note in body["notes"]
    )


def rows_of(count: int, **facts: Any) -> list[Row]:
    return [Row(START + number * timedelta(minutes=1), said=both(0.5), **facts) for number in range(count)]


def test_a_history_decides_how_labels_are_parted(session: Session) -> None:
    tables: dict[str, Any] = PRICED | {"segment": [{"name": "billing"}, {"name": "chat"}], "labels": {"per_day": 10}}
    pilot = insert_pilot(session, a_configuration(pilot={"planned_conversations": 1000}, **tables), source_toml="")
    rows = [*rows_of(20, segment="billing"), *rows_of(60, segment="chat"), *rows_of(120)]
    store_rows(session, pilot, [Row(**{**vars(row), "name": f"e{number}"}) for number, row in enumerate(rows)])
    again = Row(START + DAY, said=both(0.5), segment="billing", conversation="e50", name="later")
    store_rows(session, pilot, [again])  # a conversation belongs to its first exchange's segment
    running = start_pilot(session, pilot.name, "test", NOW - 50 * DAY).pilot
    plan = plan_of(running, registration_of(session, running.id))
    # 280 labels, 1,000 conversations: 600 of `other` with its 168 labels; 100 of billing and 300 of chat with 56 each.
    assert plan.label_probability == {"billing": 0.56, "chat": 0.1867, "other": 0.28}
    assert running.starts_at == START


def test_changes_after_the_start_say_what_they_touch_and_the_registered_values_stay(api: TestClient) -> None:
    api.post("/api/v1/pilots", content=TOML)
    api.post("/api/v1/pilots/support-bot/start")
    changed = (
        TOML.replace('model = "judge-1"', 'model = "judge-1"\nbudget_usd = 7')
        + "[quality]\nmargin = 0.1\n[labels]\nper_day = 99\n"
    )
    body = api.put("/api/v1/pilots/support-bot/configuration", content=changed).json()
    assert {change["path"]: change["touches"] for change in body["changes"]} == {
        "judge.budget_usd": None, "quality.margin": "margin", "labels.per_day": "labels",
    }  # fmt: skip
    assert "changed: quality.margin; after the start, and the decision rests on it (margin)" in body["notes"]
    assert "changed: judge.budget_usd" in body["notes"]
    assert (body["plan"]["margin"], body["configuration"]["quality"]["margin"]) == (0.05, 0.1)
    assert body["plan"]["label_probability"]["other"] == 0.3
    card = api.get("/api/v1/pilots/support-bot/scorecard").json()
    assert card["registration"]["plan"] == body["plan"]
    assert [change["touches"] for change in card["registration"]["changes"]] == [None, "labels", "margin"]


def daily(days: range, incumbent: str = "gpt-1", candidate: str = "qwen-1") -> list[Row]:
    return [
        Row(
            START + (day - 1) * DAY + timedelta(minutes=number), said=both(0.5), name=f"e-{day:02}-{number}",
            incumbent={"model": incumbent}, candidate={"model": candidate},
        )
        for day in days
        for number in range(6)
    ]  # fmt: skip


def test_days_of_a_replaced_model_are_of_another_epoch(session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        pilot = started(session, [*daily(range(1, 11)), *daily(range(11, 29), candidate="qwen-2")])
    card = compute_scorecard(session_factory, pilot.name, now=NOW)
    first, second = card.registration.epochs["qwen"]
    assert (first.first_day, first.last_day, first.days, first.conversations, first.is_current) == (1, 10, 10, 60, False)
    assert (second.first_day, second.kind, second.days, second.conversations) == (11, EpochKind.MODEL, 18, 108)
    assert (first.models["qwen"], second.models) == ("qwen-1", {"incumbent": "gpt-1", "qwen": "qwen-2"})
    with session_factory() as session:
        stored = daily_sums(session, pilot.id)
    assert {each.epoch for each in stored if each.day <= 10} <= {0}
    assert {each.epoch for each in stored if each.day > 10} == {1}


def test_a_judge_changed_after_the_start_is_an_epoch_that_keeps_its_days(session: Session) -> None:
    pilot = started(session, daily(range(1, 29)))
    toml = PILOT_TOML.replace("[incumbent]", f"starts = {START.date()}\n[incumbent]") + '[judge]\nrater = "{}"\n'
    change_configuration(session, pilot.name, toml.format("gpt-4"), "ann", datetime.now(UTC))
    before = card_of(session, pilot)
    change_configuration(session, pilot.name, toml.format("gpt-5"), "ann", datetime.now(UTC))
    after = card_of(session, pilot)
    assert [epoch.kind for epoch in before.registration.epochs["qwen"]] == [None]
    epochs = after.registration.epochs["qwen"]
    assert [(epoch.number, epoch.kind, epoch.first_day, epoch.days) for epoch in epochs] == [
        (0, None, 1, 0), (1, EpochKind.JUDGE, 1, 28),
    ]  # fmt: skip
    assert (epochs[1].changes[0].before, epochs[1].changes[0].after) == ("gpt-4", "gpt-5")
    assert after.data_hash != before.data_hash
