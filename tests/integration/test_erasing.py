"""Erasing a conversation or a user: nothing of theirs is left anywhere, every figure is, and a receipt says so."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from app.domain.erasure import ErasureKind
from app.domain.pilot import Pilot
from app.errors import InvalidInput
from app.pipeline.erasing import erase
from app.pipeline.receipts import check_receipt
from app.pipeline.scorecard import compute_scorecard
from app.store.payloads import read_payloads
from app.store.reports import examples_of
from app.store.session import SessionFactory
from tests.integration.erasing import HERS, KEY, NOW, SENTENCE, TALK, USER, a_known_pilot, tables_with

# Names of conversations are part of what is hashed; a day whose names changed is closed again.
OF_NAMES = frozenset({"data_hash", "days_reopened"})


@pytest.fixture
def pilot(session_factory: SessionFactory) -> Pilot:
    return a_known_pilot(session_factory)


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
    session_factory: SessionFactory, pilot: Pilot, kind: ErasureKind, subject: str
) -> None:
    before = figures(session_factory, pilot)
    with session_factory() as session:
        assert {"grades", "pairs", "imports"} <= set(tables_with(session, SENTENCE))
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


def test_a_second_erasure_removes_nothing_more_and_says_so(session_factory: SessionFactory, pilot: Pilot) -> None:
    first = erase(session_factory, pilot.name, ErasureKind.CONVERSATION, TALK, by="ops", key=KEY)
    again = erase(session_factory, pilot.name, ErasureKind.CONVERSATION, TALK, by="ops", key=KEY)
    assert again.is_again
    assert again.receipt == first.receipt
    nobody = erase(session_factory, pilot.name, ErasureKind.USER, "nobody", by="ops", key=KEY)
    assert (nobody.counts["exchanges"], nobody.is_again) == (0, False)
    with pytest.raises(InvalidInput, match="1 to 500"):
        erase(session_factory, pilot.name, ErasureKind.USER, " ", by="ops", key=KEY)


def test_a_receipt_that_was_changed_is_told(session_factory: SessionFactory, pilot: Pilot) -> None:
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
