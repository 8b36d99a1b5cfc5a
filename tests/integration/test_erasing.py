"""Erasing a conversation or a user: nothing of theirs is left anywhere, every figure is, and a receipt says so."""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from app.dashboard.settings_views import settings_sections
from app.domain.erasure import ErasureKind
from app.domain.exchange import Reply
from app.domain.grading import PairKey, Settlement
from app.domain.live import RecordEvent
from app.domain.pilot import Pilot
from app.domain.report import PairExample
from app.domain.words import Role, Rule
from app.errors import InvalidInput
from app.pipeline.content import hidden_name
from app.pipeline.erasing import erase
from app.pipeline.pair_texts import pair_texts
from app.pipeline.pilot_steps import read_settings
from app.pipeline.receipts import check_receipt
from app.pipeline.recording.storing import arrivals, store_batch
from app.pipeline.retention import remove_old_texts
from app.pipeline.scorecard import compute_scorecard
from app.store.erasures import list_receipts
from app.store.grades import save_settlements
from app.store.payloads import ensure_partitions, read_payloads
from app.store.reports import examples_of, insert_examples, insert_report
from app.store.session import SessionFactory, session_scope
from tests.api import PILOT_TOML, an_api, bearer, key_for
from tests.builders import a_pilot
from tests.integration.erasing import HERS, KEY, NOW, SENTENCE, TALK, USER, a_known_pilot, tables_with
from tests.integration.importing import commit, counts, import_lines, opened, send
from tests.live_events import exchange, received, reply
from tests.stored_pairs import StoredPair, store_pairs
from tests.unit.capture.lines import a_label, a_line, text_of

# Names of conversations are part of what is hashed; a day whose names changed is closed again.
OF_NAMES = frozenset({"data_hash", "days_reopened"})


def figures(factory: SessionFactory, pilot: Pilot) -> dict[str, Any]:
    """Every figure of the scorecard by its path."""
    card = compute_scorecard(factory, pilot.name, now=NOW).model_dump(mode="json")
    return dict(leaves(card, ""))


def leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            if key not in OF_NAMES:
                yield from leaves(inner, f"{path}.{key}")
    else:
        yield path, value


def differing(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Figures that are not the same; the order in which numbers are added may change their last digit."""
    pairs = {path: (before.get(path), after.get(path)) for path in before.keys() | after.keys()}
    return {path: pair for path, pair in pairs.items() if not _is_same(*pair)}


def _is_same(one: Any, other: Any) -> bool:
    numbers = isinstance(one, int | float) and isinstance(other, int | float)
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) if numbers else bool(one == other)


@pytest.mark.parametrize(("kind", "subject"), [(ErasureKind.CONVERSATION, TALK), (ErasureKind.USER, USER)])
def test_nothing_is_left_of_who_was_erased_and_every_figure_is(
    session_factory: SessionFactory, kind: ErasureKind, subject: str
) -> None:
    pilot = a_known_pilot(session_factory)
    before = figures(session_factory, pilot)
    with session_factory() as session:
        planted = {"grades", "pairs", "imports", "replies", "labels", "audit_log"}
        assert planted <= set(tables_with(session, SENTENCE)), "the rest is sealed"
        assert "exchanges" in tables_with(session, TALK)
    held = erase(session_factory, pilot.name, kind, subject, by="ops", key=KEY, dry_run=True)
    assert (held.receipt, held.counts["exchanges"], held.counts["texts"]) == (None, 3, 9)
    done = erase(session_factory, pilot.name, kind, subject, by="ops", key=KEY)
    assert done.counts["exchanges"] == 3
    assert {name: done.counts[name] for name in ("texts", "rubric_evidence", "grade_reasons", "waiting_replies")} == {
        "texts": 9, "rubric_evidence": 3, "grade_reasons": 3, "waiting_replies": 1,
    }  # fmt: skip
    assert differing(before, figures(session_factory, pilot)) == {}
    with session_factory() as session:
        assert [tables_with(session, words) for words in (SENTENCE, TALK, USER)] == [[], [], []]
        rows = session.execute(
            text("SELECT id, conversation_id, text_erased_at FROM exchanges WHERE external_id = ANY(:hers)"),
            {"hers": list(HERS)},
        ).all()
        assert len({row.conversation_id for row in rows}) == 1, "they are still one conversation"
        assert {row.text_erased_at for row in rows} == {done.receipt.erased_at if done.receipt else None}
        assert read_payloads(session, [row.id for row in rows]) == {}
        shown = [each for each in examples_of(session, 1) if each.exchange in HERS]
        assert shown
        assert all((each.request, each.reasons) == ("", ()) and each.removed_at for each in shown)
        key = PairKey(rows[0].id, pilot.arm_named("qwen").id)
        today = f"{done.receipt.erased_at:%Y-%m-%d}" if done.receipt else ""
        assert pair_texts(session, pilot, [key])[key].removed == f"Text removed on {today} (erasure)."
        page = settings_sections(read_settings(session, pilot.name, NOW), NOW)
        assert "The last removals of texts" in repr(page)


def a_small_one(factory: SessionFactory) -> Pilot:
    """A pilot with one exchange of a conversation."""
    with session_scope(factory) as session:
        pilot = a_pilot(session)
        store_pairs(session, pilot, [StoredPair(TALK, Reply("yes"), Reply("no"))])
    return pilot


def test_a_second_erasure_removes_nothing_more_and_says_so(session_factory: SessionFactory) -> None:
    pilot = a_small_one(session_factory)
    first = erase(session_factory, pilot.name, ErasureKind.CONVERSATION, TALK, by="ops", key=KEY)
    again = erase(session_factory, pilot.name, ErasureKind.CONVERSATION, TALK, by="ops", key=KEY)
    assert (first.counts["exchanges"], first.counts["texts"], first.is_again) == (1, 3, False)
    assert again.is_again
    assert again.receipt == first.receipt
    nobody = erase(session_factory, pilot.name, ErasureKind.USER, "nobody", by="ops", key=KEY)
    assert (nobody.counts["exchanges"], nobody.is_again) == (0, False)
    with pytest.raises(InvalidInput, match="1 to 500"):
        erase(session_factory, pilot.name, ErasureKind.USER, " ", by="ops", key=KEY)


def test_what_was_being_written_about_it_meanwhile_is_not_kept(session_factory: SessionFactory) -> None:
    pilot = a_small_one(session_factory)
    with session_factory() as session:
        key = PairKey(session.scalars(text("SELECT id FROM exchanges")).one(), pilot.arm_named("qwen").id)
    erase(session_factory, pilot.name, ErasureKind.CONVERSATION, TALK, by="ops", key=KEY)
    shown = PairExample(
        exchange=TALK, exchange_number=key.exchange_id, candidate="qwen", segment="other", chosen_as="random", preference=None,
        rule="grader", request=SENTENCE, incumbent_reply=SENTENCE, reasons=(SENTENCE,),
    )  # fmt: skip
    with session_scope(session_factory) as session:
        number = insert_report(session, pilot.id, made_at=NOW, data_hash="x", document={"summary": {}})
        insert_examples(session, number, [shown])
        save_settlements(session, [Settlement(key, Rule.GRADER, ungraded="refused", facts={"message": SENTENCE})])
    with session_factory() as session:
        (kept,) = examples_of(session, number)
        assert (kept.request, kept.incumbent_reply, kept.reasons, kept.removed_at is None) == ("", "", (), False)
        assert session.scalar(text("SELECT facts FROM pairs")) == {}


def test_a_receipt_that_was_changed_is_told(session_factory: SessionFactory) -> None:
    pilot = a_small_one(session_factory)
    receipt = erase(session_factory, pilot.name, ErasureKind.CONVERSATION, TALK, by="ops", key=KEY).receipt
    assert receipt is not None
    with session_factory() as session:
        assert check_receipt(session, receipt, KEY).is_stored
        for changed in (
            replace(receipt, counts={**receipt.counts, "texts": 8}), replace(receipt, by="boss"), replace(receipt, id=99),
            replace(receipt, subject_digest="0" * 64),
        ):  # fmt: skip
            assert not check_receipt(session, changed, KEY).is_genuine
        assert not check_receipt(session, receipt, b"another key").is_genuine
        session.execute(text("UPDATE erasures SET counts = '{}'"))
        session.expire_all()
        found = check_receipt(session, receipt, KEY)
        assert (found.is_genuine, found.is_stored) == (True, False)


def test_what_arrived_before_an_erasure_and_is_recorded_after_it_goes_too(session_factory: SessionFactory) -> None:
    now_us = int(datetime.now(UTC).timestamp() * 1e6)
    user = {"route": "/chat/completions", "user_hash": hidden_name(KEY, USER)}

    def store(*events: RecordEvent) -> None:
        batch = received(*events)
        with session_scope(session_factory) as session:
            ensure_partitions(session, arrivals(batch))
            store_batch(session, batch, retry_window_seconds=1.0)

    with session_scope(session_factory) as session:
        pilot = a_pilot(session)
    store(exchange(1, at_us=now_us - 60_000_000, conversation=TALK), exchange(2, at_us=now_us - 60_000_000, facts=user))
    done = erase(session_factory, pilot.name, ErasureKind.CONVERSATION, TALK, by="ops", key=KEY)
    erase(session_factory, pilot.name, ErasureKind.USER, USER, by="ops", key=KEY)
    late = (exchange(3, at_us=now_us - 30_000_000, conversation=TALK), exchange(4, at_us=now_us - 30_000_000, facts=user))
    store(*late, reply(1), exchange(5, at_us=now_us + 60_000_000, conversation=TALK), exchange(6, at_us=now_us - 30_000_000))
    assert remove_old_texts(session_factory, KEY, datetime.now(UTC)).late == 2
    assert remove_old_texts(session_factory, KEY, datetime.now(UTC)).late == 0
    with session_factory() as session:
        query = "SELECT e.external_id FROM exchanges e JOIN payloads p ON p.exchange_id = e.id ORDER BY 1"
        assert list(session.scalars(text(query))) == ["b1-5", "b1-6"], "what arrived later is another matter"
        followed = [each for each in list_receipts(session, pilot.id) if each.counts.get("late_for")]
        assert done.receipt is not None
        assert {each.erased_at for each in followed} >= {done.receipt.erased_at}
        assert all(each.is_genuine(KEY) for each in followed)


@pytest.fixture
def api(session_factory: SessionFactory, tmp_path: Path) -> Iterator[TestClient]:
    with an_api(session_factory, tmp_path) as made:
        assert made.post("/api/v1/pilots", content=PILOT_TOML).status_code == 201
        yield made


def line(name: str, **more: Any) -> dict[str, Any]:
    replies = {"incumbent": {"content": f"yes, {SENTENCE}"}, "qwen": {"content": "no"}}
    asked = {"model": "gpt-5.1", "messages": [{"role": "user", "content": SENTENCE}]}
    return a_line(exchange_id=name, replies=replies, request=asked | more.pop("request", {}), **more)


def texts(factory: SessionFactory) -> list[str]:
    """The exchanges of which any text is stored."""
    with factory() as session:
        query = "SELECT DISTINCT e.external_id FROM exchanges e JOIN payloads p ON p.exchange_id = e.id ORDER BY 1"
        return list(session.scalars(text(query)))


def test_an_import_brings_nothing_back(api: TestClient, session_factory: SessionFactory) -> None:
    file = [line("a", conversation_id=TALK), line("b", conversation_id="c"), line("u", request={"user": USER})]
    assert import_lines(api, *file)["new"] == 3
    for kind, subject in (("conversation", TALK), ("user", USER)):
        done = api.post("/api/v1/pilots/support-bot/erasures", json={"kind": kind, "subject": subject})
        assert (done.status_code, done.json()["counts"]["exchanges"]) == (200, 1), done.text
    assert texts(session_factory) == ["b"]
    assert import_lines(api, *file) == counts(3, unchanged=3)
    assert import_lines(api, line("a", conversation_id=TALK, preferences=[a_label()])) == counts(1, unchanged=1)
    more = [line("a2", conversation_id=TALK), line("u2", request={"safety_identifier": USER}), line("b2", conversation_id="c")]
    assert import_lines(api, *more) == counts(3, new=3)
    assert texts(session_factory) == ["b", "b2"]
    with session_factory() as session:
        assert [tables_with(session, words) for words in (TALK, USER)] == [[], []]
        assert session.scalar(text("SELECT count(*) FROM exchanges WHERE conversation_id LIKE 'e-%'")) == 4


def test_lines_of_an_import_that_is_not_finished_are_taken_back(api: TestClient, session_factory: SessionFactory) -> None:
    file = text_of(line("a", conversation_id=TALK), line("b"), line("u", request={"user": USER}))
    number = opened(api, file)["id"]
    assert send(api, number, 0, file).status_code == 200
    for kind, subject in (("conversation", TALK), ("user", USER)):
        done = api.post("/api/v1/pilots/support-bot/erasures", json={"kind": kind, "subject": subject}).json()
        assert done["counts"]["staged_lines"] == 1
    assert commit(api, number).json()["new"] == 1
    assert texts(session_factory) == ["b"]


def test_admins_ask_for_erasures_list_and_check_receipts(api: TestClient, session_factory: SessionFactory) -> None:
    import_lines(api, line("a", conversation_id=TALK))
    address = "/api/v1/pilots/support-bot/erasures"
    body = {"kind": "conversation", "subject": TALK}
    held = api.post(address, json=body | {"dry_run": True}).json()
    assert (held["receipt"], held["counts"]["texts"], held["counts"]["first_arrival"][:10]) == (None, 3, "2026-11-02")
    receipt = api.post(address, json=body).json()["receipt"]
    assert api.post(address, json=body).json() == {"counts": {"bundles_of_reports": 0, "exchanges": 0, "first_arrival": None,
        "last_arrival": None}, "receipt": receipt, "is_again": True}  # fmt: skip
    assert api.get(address).json() == [receipt]
    assert api.get(f"{address}/{receipt['id']}").json() == receipt
    assert api.get(f"{address}/99").status_code == 404
    assert api.post("/api/v1/erasures/verify", json=receipt).json()["is_stored"] is True
    forged = receipt | {"counts": receipt["counts"] | {"texts": 1}}
    assert api.post("/api/v1/erasures/verify", json=forged).json()["is_genuine"] is False
    with session_factory() as session:
        said = session.execute(text("SELECT facts FROM audit_log WHERE action = 'erasure.make'")).scalars().all()
        assert len(said) == 1
        assert tables_with(session, TALK) == []
    operator = bearer(key_for(Role.OPERATOR, session_factory))
    assert api.post(address, json=body, headers=operator).status_code == 403
