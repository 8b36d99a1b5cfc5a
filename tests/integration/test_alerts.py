"""Alarms and messages against a real database: opened once, resolved once, told of once, whoever else is at it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, update
from sqlalchemy.orm import Session
from typing_extensions import override

from app.api.application import make_api
from app.domain.pilot import Pilot
from app.domain.words import Role
from app.jobs import Job
from app.pipeline.alert_rules import Sign
from app.pipeline.alerting import look, see_pilot, watch_pilots
from app.pipeline.notifying import send_messages
from app.pipeline.pilots import set_mirror, start_pilot
from app.store.alerts import StoredAlert, list_alerts
from app.store.live_tables import BootCountRow, BootRow, RecorderStateRow
from app.store.messages import StoredMessage, list_messages
from app.store.pilots import get_pilot
from app.store.session import SessionFactory, session_scope
from app.store.spend import book_spend
from app.store.tables import ExchangeRow, ReplyRow, ScorecardRow
from app.store.work_tables import GradingRow
from parallel_pilot.cli import main
from tests.api import Published, an_api, bearer, key_for, services_for
from tests.builders import a_pilot
from tests.e2e.served import served
from tests.unit.pipeline.test_notifying_channels import Receiver

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
JUDGE = {"base_url": "http://127.0.0.1:9000/v1", "model": "judge", "budget_usd": 50, "family": "other"}


@pytest.fixture(scope="module")
def shared() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.end()


@pytest.fixture
def receiver(shared: Receiver) -> Receiver:
    shared.got.clear()
    return shared


def a_live_pilot(session_factory: SessionFactory, **tables: Any) -> Pilot:
    """Started two days ago; its gateway counts, its recorder is done."""
    with session_scope(session_factory) as session:
        pilot = a_pilot(session, pilot={"starts": "2026-11-19"}, **tables)
        pilot = start_pilot(session, pilot.name, "ops", NOW - timedelta(days=2)).pilot
        boot = {"boot": "b1", "slot": "gateway-1", "source": "gateway", "started_at": NOW - timedelta(days=1)}
        session.execute(insert(BootRow).values(**boot, last_at=NOW, is_final=False))
        counts = {"pilot_id": pilot.id, "boot": "b1", "issued": 10, "seen": 10, "last_seen_at": NOW}
        session.execute(insert(BootCountRow).values(counts))
        session.execute(insert(RecorderStateRow).values(id=1, watermark_at=NOW, updated_at=NOW))
        return pilot


def answer(session: Session, pilot: Pilot, count: int, *, minutes_ago: float, failure: str | None = None) -> None:
    """So many live requests with a reply of the candidate, spread from then until now."""
    qwen = pilot.arm_named("qwen")
    first = NOW - minutes_ago * MINUTE
    rows = [
        {
            "pilot_id": pilot.id, "external_id": f"{failure}-{first:%H%M%S}-{number}", "conversation_id": str(number),
            "arrived_at": first + number * minutes_ago * MINUTE / count, "segment": "other", "sample_point": 0.5,
            "source": "live", "awaits": [pilot.incumbent.id, qwen.id],
        }
        for number in range(count)
    ]  # fmt: skip
    ids = session.scalars(insert(ExchangeRow).returning(ExchangeRow.id), rows).all()
    common = {"pilot_id": pilot.id, "source": "live"}
    replies = [{"exchange_id": each, "arm_id": qwen.id, "failure": failure} | common for each in ids]
    session.execute(
        insert(ReplyRow), replies + [{"exchange_id": e, "arm_id": pilot.incumbent.id, "failure": None} | common for e in ids]
    )


def alerts_of(session_factory: SessionFactory, pilot: Pilot) -> list[StoredAlert]:
    with session_factory() as session:
        return list_alerts(session, pilot.id)


def messages_of(session_factory: SessionFactory, pilot: Pilot) -> list[StoredMessage]:
    with session_factory() as session:
        return list_messages(session, pilot.id)


def at_once(do: Any, times: int = 2) -> list[Any]:
    with ThreadPoolExecutor(times) as pool:
        return [each.result() for each in [pool.submit(do) for _ in range(times)]]


def test_an_alarm_is_opened_once_resolved_once_and_told_of_once_on_each_channel(
    session_factory: SessionFactory, receiver: Receiver
) -> None:
    notify = {"webhook_url": f"http://{receiver.host}/200/hook", "webhook_secret_env": "SECRET", "urls_env": "URLS"}
    pilot = a_live_pilot(session_factory, notify=notify | {"link": "https://pilot.corp.example/"})
    environment = {"SECRET": "s", "URLS": f"json://{receiver.host}/200/apprise"}
    with session_scope(session_factory) as session:
        answer(session, pilot, 20, minutes_ago=6, failure="connection")
    published = Published()
    changed = at_once(lambda: watch_pilots(session_factory, NOW, publish=published))
    assert sorted(changed) == [0, 1]
    assert published == [(Job.MESSAGES, [])]
    (alert,) = alerts_of(session_factory, pilot)
    assert (alert.rule, alert.subject, alert.severity) == ("candidate_down", "qwen", "critical")
    assert alert.text == "qwen failed in all of its last 20 calls, for 6 minutes."
    sent = at_once(lambda: send_messages(session_factory, NOW, environment=environment))
    assert sum(sent) == 2
    assert sorted(path for path, _, _ in receiver.got) == ["/200/apprise", "/200/hook"]
    later = NOW + 4 * MINUTE
    with session_scope(session_factory) as session:
        answer(session, pilot, 30, minutes_ago=2)
        session.execute(update(BootRow).values(last_at=later))
        session.execute(update(RecorderStateRow).values(updated_at=later))
    assert sorted(at_once(lambda: watch_pilots(session_factory, later))) == [0, 1]
    (alert,) = alerts_of(session_factory, pilot)
    assert alert.resolved_at == later
    at_once(lambda: send_messages(session_factory, later, environment=environment))
    assert len(receiver.got) == 4
    subjects = {(message.subject, message.channel, message.state) for message in messages_of(session_factory, pilot)}
    assert subjects == {
        (f"alert:{alert.id}:{word}", channel, "sent") for word in ("opened", "resolved") for channel in ("apprise", "webhook")
    }
    for _, _, body in receiver.got:
        assert b"https://pilot.corp.example/pilots/support-bot/alerts" in body
        assert b"qwen" not in body  # figures and names only with notify.figures
        assert b"20 calls" not in body


def test_what_is_stored_becomes_what_the_rules_see(session_factory: SessionFactory) -> None:
    pilot = a_live_pilot(session_factory, judge=JUDGE, mirror={"budget_usd": 10})
    card = {
        "candidates": {"qwen": {"drift": {"frozen": True, "reasons": ["the mix changed"], "judge": [{"has_changed": True}]}}},
        "control": {"is_broken": False, "reason": ""},
        "canaries": {"is_suspended": True, "reason": "12 of 20 canaries"},
    }
    with session_scope(session_factory) as session:
        session.add(ScorecardRow(pilot_id=pilot.id, as_of=None, data_hash="", document=card))
        book_spend(session, pilot.id, purpose="judge", model="judge", calls=9, usd=Decimal(41))
        book_spend(session, pilot.id, purpose="mirror", model="qwen", calls=9, usd=Decimal(11))
        us = int((NOW - 12 * MINUTE).timestamp() * 1_000_000)
        session.execute(
            update(BootCountRow).values(issued=40, checkpoints=[[us, 20], [us + 9, 40]], last_seen_at=NOW - 13 * MINUTE)
        )
    with session_factory() as session:
        seen = see_pilot(session, get_pilot(session, pilot.name), NOW, None)
    raised = {(rule.name, finding.subject): finding.text for rule, finding in look(seen) if finding.sign is Sign.RAISE}
    assert set(raised) == {
        ("mirror_silent", "mirror"), ("budget", "judge 0.8"), ("budget", "mirror 1"), ("drift", "qwen"),
        ("judge_suspended", "canaries"), ("judge_suspended", "anchors"),
    }  # fmt: skip
    assert "no request reached the mirror for 12 minutes (since 21 Nov 11:48 UTC)" in raised["mirror_silent", "mirror"]
    assert raised["budget", "mirror 1"].startswith("110% of the mirror's budget is spent: $11.00 of $10.00")


def test_a_grading_that_stopped_is_told_of_once_though_it_is_tried_again(session_factory: SessionFactory) -> None:
    pilot = a_live_pilot(session_factory)

    def signs(state: str, *, minutes: float) -> Sign:
        with session_scope(session_factory) as session:
            problem = "its key is not set" if state == "stopped" else ""
            session.execute(delete(GradingRow))
            asked_at = NOW - minutes * MINUTE
            session.add(GradingRow(pilot_id=pilot.id, state=state, problem=problem, asked_at=asked_at))
        with session_factory() as session:
            seen = see_pilot(session, pilot, NOW, None)
        return next(finding.sign for rule, finding in look(seen) if finding.subject == "stopped")

    assert [signs("stopped", minutes=9), signs("running", minutes=0.1)] == [Sign.RAISE, Sign.KEEP]
    assert [signs("running", minutes=3), signs("done", minutes=0.1)] == [Sign.CLEAR, Sign.CLEAR]


def test_requests_that_no_candidate_was_asked_for_ring_and_a_switched_off_mirror_ends_it(
    session_factory: SessionFactory,
) -> None:
    pilot = a_live_pilot(session_factory)
    with session_scope(session_factory) as session:
        answer(session, pilot, 12, minutes_ago=11)
        session.execute(delete(ReplyRow))
    assert watch_pilots(session_factory, NOW) == 1
    (alert,) = alerts_of(session_factory, pilot)
    assert (alert.rule, alert.subject) == ("mirror_silent", "pairs")
    assert messages_of(session_factory, pilot) == []  # nobody is to be told
    with session_scope(session_factory) as session:
        set_mirror(session, pilot.name, "ops", on=False)
    assert watch_pilots(session_factory, NOW + MINUTE) == 1
    (alert,) = alerts_of(session_factory, pilot)
    assert alert.resolved_at == NOW + MINUTE


def test_a_message_is_tried_again_and_given_up_after_a_day(session_factory: SessionFactory, receiver: Receiver) -> None:
    pilot = a_live_pilot(session_factory, notify={"webhook_url": f"http://{receiver.host}/503/hook"}, judge=JUDGE)
    with session_scope(session_factory) as session:
        book_spend(session, pilot.id, purpose="judge", model="judge", calls=9, usd=Decimal(41))
    assert watch_pilots(session_factory, NOW) == 1
    assert send_messages(session_factory, NOW, environment={}) == 0
    (message,) = messages_of(session_factory, pilot)
    assert (message.attempts, message.next_at, message.state) == (1, NOW + MINUTE / 2, "waiting")
    assert message.problem == "127.0.0.1 answered 503"
    assert send_messages(session_factory, NOW + MINUTE / 4, environment={}) == 0
    assert len(receiver.got) == 1  # it was not due
    send_messages(session_factory, NOW + MINUTE / 2, environment={})
    assert messages_of(session_factory, pilot)[0].attempts == 2
    send_messages(session_factory, NOW + timedelta(days=1), environment={})
    (message,) = messages_of(session_factory, pilot)
    assert message.state == "given_up"
    assert send_messages(session_factory, NOW + timedelta(days=3), environment={}) == 0
    assert len({headers["x-pilot-delivery"] for _, headers, _ in receiver.got}) == 1


def test_a_test_message_goes_the_way_of_all_messages(
    session_factory: SessionFactory, tmp_path: Path, receiver: Receiver
) -> None:
    a_live_pilot(session_factory, notify={"webhook_url": f"http://{receiver.host}/200/hook", "urls_env": "URLS"})
    published = Published()
    with an_api(session_factory, tmp_path, role=Role.OPERATOR, publish=published) as api:
        asked = api.post("/api/v1/pilots/support-bot/notify/test")
        assert (asked.status_code, published) == (202, [(Job.MESSAGES, [])])
        assert {message["state"] for message in asked.json()} == {"waiting"}
        send_messages(session_factory, datetime.now(UTC), environment={})
        found = {message["channel"]: message for message in api.get("/api/v1/pilots/support-bot/messages").json()}
        assert found["webhook"]["state"] == "sent"
        assert (found["apprise"]["state"], found["apprise"]["attempts"]) == ("given_up", 1)
        assert found["apprise"]["problem"] == "the environment variable URLS is not set where the worker runs"
        assert api.get("/api/v1/pilots/support-bot/alerts").json() == []
        viewer = bearer(key_for(Role.VIEWER, session_factory))
        assert api.post("/api/v1/pilots/support-bot/notify/test", headers=viewer).status_code == 403
        with session_scope(session_factory) as session:
            a_pilot(session, pilot={"name": "quiet"})
        refused = api.post("/api/v1/pilots/quiet/notify/test")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
        assert "notify.webhook_url" in refused.json()["error"]["message"]


class WorkerAtOnce(Published):
    """A worker that does what it is asked for at once, with an environment of its own."""

    def __init__(self, session_factory: SessionFactory, **environment: str) -> None:
        super().__init__()
        self.session_factory, self.environment = session_factory, environment

    @override
    def __call__(self, job: Job, arguments: list[Any]) -> None:
        send_messages(self.session_factory, datetime.now(UTC), environment=self.environment)


def test_the_command_says_what_happened_on_each_channel(
    session_factory: SessionFactory,
    tmp_path: Path,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    a_live_pilot(session_factory, notify={"webhook_url": f"http://{receiver.host}/410/hook", "urls_env": "URLS"})
    worker = WorkerAtOnce(session_factory, URLS=f"json://{receiver.host}/200/apprise")
    monkeypatch.setenv("PILOT_API_KEY", key_for(Role.OPERATOR, session_factory))
    with served(make_api(services_for(session_factory, tmp_path, publish=worker))) as address:
        monkeypatch.setenv("PILOT_SERVICE_URL", address)
        assert main.run(["notify", "test", "support-bot"]) == 1
    printed = capsys.readouterr()
    assert sorted(printed.out.splitlines()) == ["apprise: sent", "webhook: 127.0.0.1 answered 410"]
    assert "not every channel took the message" in printed.err
