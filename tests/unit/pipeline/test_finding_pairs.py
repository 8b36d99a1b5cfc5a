"""What lists of pairs rest on: the mean of grades, the pattern of a search, the order of the pairs that a report shows."""

from datetime import UTC, datetime

import orjson
import pytest

from app.domain.grading import IMPORTED, PairKey, StoredGrade
from app.pipeline.evidence_pairs import Kind, ranked
from app.pipeline.pair_search import as_stored
from app.pipeline.settlement import mean_grade
from app.store.evidence_pairs import Eligible


def a_grade(value: float | None, first: str | None = "incumbent", version: str = "v1") -> StoredGrade:
    return StoredGrade(version, first, value, None if value is not None else "unparsed")


@pytest.mark.parametrize(
    ("grades", "mean"),
    [
        ([], None),
        ([a_grade(None)], None),
        ([a_grade(1.0), a_grade(0.0, "qwen")], 0.5),
        ([a_grade(1.0), a_grade(None, "qwen")], 1.0),
        ([a_grade(0.0, version=IMPORTED), a_grade(1.0)], 1.0),  # ours counts before an imported one of the same order
        ([a_grade(0.25, None)], 0.25),
    ],
)
def test_the_mean_over_orders(grades: list[StoredGrade], mean: float | None) -> None:
    assert mean_grade(grades) == mean


@pytest.mark.parametrize(
    ("words", "stored"),
    [("plain", "plain"), ('say "hi"', 'say \\"hi\\"'), ("50%_off\n", "50%_off\\n"), ("Äpfel", "Äpfel"), ("注文", "注文")],
)
def test_what_is_looked_for_in_stored_json(words: str, stored: str) -> None:
    assert as_stored(words) == stored
    assert as_stored(words).encode() in orjson.dumps({"content": words})


def a_pair(name: str, preference: float, *, marks: int = 0, labels: int = 0, orders: int = 2) -> Eligible:
    moment = datetime(2026, 10, 5, tzinfo=UTC)
    return Eligible(PairKey(1, 2), name, name, "other", moment, "grader", preference, marks, labels, orders)


POOL = [
    a_pair("one order", 0.0, orders=1),
    a_pair("both orders", 0.0),
    a_pair("people", 0.0, labels=1),
    a_pair("critical", 1.0, marks=1, labels=1),
    a_pair("a bit worse", 0.25),
    a_pair("tie", 0.5),
    a_pair("better", 1.0),
]


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("worst", ["critical", "people", "both orders", "one order", "a bit worse"]),
        ("best", ["better"]),
        ("random", [pair.external_id for pair in POOL]),
    ],
)
def test_the_surest_come_first_at_either_end(kind: Kind, names: list[str]) -> None:
    assert [pair.external_id for pair in ranked(POOL, kind)] == names
