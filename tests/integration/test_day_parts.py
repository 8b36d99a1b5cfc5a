"""Parts of days add up to what the scorecard says of all rows, however the evidence came."""

import itertools
import random
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from app.domain.pilot import Pilot
from app.domain.scorecard import Scorecard
from app.domain.words import Role
from app.pipeline.parts.closing_parts import close_parts
from app.pipeline.parts.figures import figures_of_days
from app.pipeline.parts.part import DayPart, from_bytes, merged, to_bytes
from app.pipeline.scorecard import compute_scorecard
from app.statistics.sums import Sums
from app.store.closed_days import daily_sums
from app.store.rollups import read_parts
from app.store.session import SessionFactory, session_scope
from app.store.tables import ExchangeRow
from tests.api import an_api
from tests.integration.scorecard_pilots import TIMEOUT, TOKENS, spread, started
from tests.integration.scorecard_rows import DAY, NOW, START, Row, Said, both
from tests.integration.test_scorecard_days import add

SOME_TIMES = (0.2, 0.9, 2.5)


def some_rows(seed: int, count: int = 160) -> list[Row]:
    """Conversations over several days, failures of both arms, ties, flips, pairs without a grade, days of few."""
    chance = random.Random(seed)
    return [_row(chance, number) for number in range(count)]


def _row(chance: random.Random, number: int) -> Row:
    failed = chance.random()
    time = {"total_seconds": chance.lognormvariate(0, 1), "ttft_any_seconds": chance.choice(SOME_TIMES)}
    said: tuple[Said, ...] = both(chance.choice((0.0, 0.5, 1.0)))
    if chance.random() < 0.2:
        said = (Said("incumbent", 1.0), Said("qwen", 0.0))
    return Row(
        START + chance.random() * 28 * DAY,
        name=f"e-{number:04d}",
        conversation=f"c-{chance.randrange(60)}",
        segment=chance.choice(("other", "extraction")),
        said=() if chance.random() < 0.1 else said,
        rule="failure" if failed < 0.1 else "equal" if failed < 0.2 else "grader",
        preference=0.0 if failed < 0.1 else 0.5 if failed < 0.2 else None,
        incumbent=TOKENS | time,
        candidate=TIMEOUT if failed < 0.1 else TOKENS | {"total_seconds": chance.lognormvariate(0, 1)},
        extra={"inclusion_probability": chance.choice((1.0, 0.5))},
    )


def close(factory: SessionFactory, pilot: Pilot) -> dict[int, DayPart]:
    return close_parts(factory, pilot.name, now=NOW)


def same_as_scorecard(parts: dict[int, DayPart], card: Scorecard) -> None:
    whole, candidate = merged(parts.values()), card.candidates["qwen"]
    arm, quality = whole.arms["qwen"], candidate.quality
    assert sorted(parts) == card.days_closed
    assert {name: arm.counts[f"coverage/{name}"] for name in candidate.coverage.model_dump()} == candidate.coverage.model_dump()
    assert (arm.counts["ties"], arm.counts["flips"], arm.counts["both_orders"]) == (
        quality.ties, quality.flips, quality.position_consistency_n,
    )  # fmt: skip
    assert {name: arm.counts[f"ungraded/{name}"] for name in quality.ungraded} == quality.ungraded
    for name, segment in candidate.segments.items():
        assert arm.sums.get((name, "low"), Sums()).n == segment.conversations
    failed = {key: number for key, number in arm.failures.items() if key[2]}
    kinds = candidate.reliability.failure_kinds
    assert sum(number for key, number in failed.items() if key[0] == "candidate") == sum(kinds.values())
    for p, quantiles in ((0.5, candidate.latency.total_seconds.p50), (0.95, candidate.latency.total_seconds.p95)):
        for side in ("incumbent", "candidate"):
            exact = getattr(quantiles, side).value
            assert arm.times_of(side, "total_seconds").quantile(p) == (
                pytest.approx(exact, rel=0.01) if exact is not None else None
            )
    assert round(whole.busiest_minute) == candidate.capacity.requests_per_minute_peak


def same_sums(factory: SessionFactory, pilot: Pilot, parts: dict[int, DayPart]) -> None:
    with factory() as session:
        stored = {(s.segment, s.series, s.day): s.sums for s in daily_sums(session, pilot.id)}
    found = {(*key, day): sums for day, part in parts.items() for key, sums in part.arms["qwen"].sums.items() if sums.n}
    assert found == stored


def everything(parts: dict[int, DayPart]) -> dict[int, Any]:
    return {day: to_bytes(part) for day, part in parts.items()}


def a_pilot(factory: SessionFactory, rows: list[Row], name: str = "support-bot") -> Pilot:
    tables: dict[str, Any] = {
        "latency": {"accept_imported": True, "total_p95_seconds": 9.0},
        "pilot": {"name": name, "starts": START.date()},
    }
    with session_scope(factory) as session:
        return started(session, rows, **tables)


@pytest.mark.parametrize("seed", [1, 2])
def test_parts_add_up_to_the_scorecard(session_factory: SessionFactory, seed: int) -> None:
    pilot = a_pilot(session_factory, some_rows(seed))
    parts = close(session_factory, pilot)
    card = compute_scorecard(session_factory, pilot.name, now=NOW)
    same_as_scorecard(parts, card)
    same_sums(session_factory, pilot, parts)


def shuffled(rows: Sequence[Row], seed: int) -> list[Row]:
    return random.Random(seed).sample(list(rows), len(rows))


def test_what_comes_bit_by_bit_ends_in_the_same_parts(session_factory: SessionFactory) -> None:
    rows = some_rows(4)
    at_once = a_pilot(session_factory, rows, "at-once")
    lived = a_pilot(session_factory, [], "lived")
    mixed = shuffled(rows, 4)
    for number in range(0, len(mixed), 40):
        add(session_factory, lived, mixed[number : number + 40])
        close(session_factory, lived)
        if number == 80:  # its close takes marks away that the parts have not seen
            add(session_factory, lived, [Row(START + 3 * DAY, name="one more", conversation="c-1", said=both(1.0))])
            compute_scorecard(session_factory, lived.name, now=NOW)
    add(session_factory, at_once, [Row(START + 3 * DAY, name="one more", conversation="c-1", said=both(1.0))])
    assert everything(close(session_factory, lived)) == everything(close(session_factory, at_once))


def test_a_day_that_opens_again_has_no_part_and_gives_its_conversations_away(session_factory: SessionFactory) -> None:
    rows = some_rows(6)
    pilot = a_pilot(session_factory, rows)
    before = everything(close(session_factory, pilot))
    with session_scope(session_factory) as session:
        one = session.scalars(select(ExchangeRow.id).where(ExchangeRow.arrived_at > START + 9 * DAY).limit(1)).one()
        session.execute(update(ExchangeRow).where(ExchangeRow.id == one).values(closed_at=None))
    parts = close(session_factory, pilot)
    same_sums_after = compute_scorecard(session_factory, pilot.name, now=NOW)
    assert sorted(parts) == same_sums_after.days_closed
    assert len(parts) == 27
    same_sums(session_factory, pilot, parts)
    with session_scope(session_factory) as session:
        session.execute(update(ExchangeRow).where(ExchangeRow.id == one).values(closed_at=START))
    assert everything(close(session_factory, pilot)) == before


def test_an_exchange_that_leaves_its_conversation_moves_the_rest_to_its_own_day(session_factory: SessionFactory) -> None:
    rows = [Row(START + 2 * DAY * day, name=f"e-{day}", conversation="one", said=both(1.0)) for day in range(4)]
    pilot = a_pilot(session_factory, rows)
    assert [day for day, part in close(session_factory, pilot).items() if part.arms["qwen"].sums] == [1]
    with session_scope(session_factory) as session:
        first = update(ExchangeRow).where(ExchangeRow.external_id == "e-0")
        session.execute(first.values(conversation_id="another"))
    assert [day for day, part in close(session_factory, pilot).items() if part.arms["qwen"].sums] == [1, 3]
    with session_scope(session_factory) as session:
        session.execute(delete(ExchangeRow).where(ExchangeRow.external_id == "e-1"))
    parts = close(session_factory, pilot)
    assert [day for day, part in parts.items() if part.arms["qwen"].sums] == [1, 5]
    compute_scorecard(session_factory, pilot.name, now=NOW)
    same_sums(session_factory, pilot, parts)


def test_only_days_that_changed_are_made_anew(session_factory: SessionFactory) -> None:
    pilot = a_pilot(session_factory, spread(140))
    close(session_factory, pilot)
    with session_factory() as session:
        first = {day: part.seen for day, part in read_parts(session, pilot.id).items()}
    add(session_factory, pilot, [Row(START + 4 * DAY + timedelta(hours=2), name="late", said=both(1.0))])
    close(session_factory, pilot)
    with session_factory() as session:
        again = {day: part.seen for day, part in read_parts(session, pilot.id).items()}
    assert [day for day in first if first[day] != again[day]] == [5]


def test_a_part_is_the_same_after_it_was_stored(session_factory: SessionFactory) -> None:
    pilot = a_pilot(session_factory, some_rows(7))
    part = close(session_factory, pilot)[3]
    assert to_bytes(from_bytes(to_bytes(part))) == to_bytes(part)


def test_figures_of_days_are_given_by_the_api(session_factory: SessionFactory, tmp_path: Path) -> None:
    pilot = a_pilot(session_factory, some_rows(8))
    card = compute_scorecard(session_factory, pilot.name, now=NOW)
    figures = figures_of_days(session_factory, pilot.name, now=NOW)
    candidate, quality = figures.together.candidates["qwen"], card.candidates["qwen"].quality
    assert candidate.win_rate.value == pytest.approx(quality.win_rate.value)
    assert candidate.win_rate.n == quality.win_rate.n
    assert candidate.candidate.failure_rate == card.candidates["qwen"].reliability.candidate_failure_rate.value
    assert sum(day.requests for day in figures.days) == pytest.approx(figures.together.requests)
    with an_api(session_factory, tmp_path, role=Role.VIEWER) as api:
        found = api.get(f"/api/v1/pilots/{pilot.name}/days", params={"first": 3, "last": 9}).json()
        assert [day["day"] for day in found["days"]] == list(range(3, 10))
        by_day = [day.candidates["qwen"].pairs for day in figures.days[2:9]]
        assert found["together"]["candidates"]["qwen"]["pairs"] == sum(by_day)
        assert api.get("/api/v1/pilots/nobody/days").status_code == 404


def test_days_closed_one_by_one_are_those_closed_at_once(session_factory: SessionFactory) -> None:
    rows = some_rows(9)
    at_once = a_pilot(session_factory, rows, "at-once")
    lived = a_pilot(session_factory, [], "lived")
    for before, day in itertools.pairwise((0, 1, 2, 3, 4, 9, 28)):
        add(session_factory, lived, [row for row in rows if before * DAY <= row.at - START < day * DAY])
        close_parts(session_factory, lived.name, now=START + day * DAY)
    assert everything(close(session_factory, lived)) == everything(close(session_factory, at_once))


def test_a_day_that_opens_after_its_part_was_spoiled_takes_its_pairs_from_the_day_before(
    session_factory: SessionFactory,
) -> None:
    rows = [Row(START + hours * timedelta(hours=12), name=f"e-{hours}", conversation="one", said=both(1.0)) for hours in (1, 2)]
    pilot = a_pilot(session_factory, rows)
    assert close(session_factory, pilot)[1].arms["qwen"].counts["pairs"] == 2
    add(session_factory, pilot, [Row(START + DAY + timedelta(hours=3), name="late", conversation="other", said=both(1.0))])
    compute_scorecard(session_factory, pilot.name, now=NOW)  # takes the marks away that the part of day 2 has not seen
    with session_scope(session_factory) as session:
        session.execute(update(ExchangeRow).where(ExchangeRow.external_id == "late").values(closed_at=None))
    compute_scorecard(session_factory, pilot.name, now=NOW)
    assert close(session_factory, pilot)[1].arms["qwen"].counts["pairs"] == 1
