"""Scorecards from stored evidence: what counts, what it costs, and what the verdict says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from app.domain.words import GateName, GateOutcome, Outcome
from app.store.pilots import insert_pilot, mark_extended
from tests.builders import a_configuration
from tests.integration.scorecard_pilots import PRICED, TIMEOUT, card_of, gate_of, qwen_of, spread, started, started_again
from tests.integration.scorecard_rows import DAY, START, Row, Said, Told, both, store_rows


def test_a_pilot_that_was_not_started_has_a_scorecard_and_no_verdict(session: Session) -> None:
    configuration = a_configuration(**PRICED)
    pilot = insert_pilot(session, configuration, source_toml="")
    empty = card_of(session, pilot).candidates["qwen"]
    assert (empty.verdict.outcome, empty.verdict.reason_codes[0]) == (Outcome.EXTEND, "not_started")
    assert empty.quality.win_rate.value is None

    store_rows(session, pilot, spread(1500))
    card = card_of(session, pilot)
    assert (card.day, card.registration.hash) == (28, None)
    found = card.candidates["qwen"]
    assert (found.verdict.outcome, found.verdict.provisional) == (Outcome.EXTEND, None)
    assert found.verdict.reason_codes[:2] == ["not_started", "judge_uncalibrated"]
    assert "pilot start support-bot" in found.verdict.would_change[0]


def test_parity_with_labels_and_money_is_migrate(session: Session) -> None:
    card = qwen_of(session, started(session, spread(1500, labels=300)))
    assert card.verdict.outcome is Outcome.MIGRATE
    assert (card.verdict.provisional, card.verdict.final) == (None, False)
    assert card.verdict.routing == {"other": "qwen"}
    assert card.quality.win_rate.n == 1500
    assert card.quality.win_rate.value == pytest.approx(0.5)
    assert (card.quality.labels, card.quality.usable_labels) == (300, 300)
    assert card.quality.judge_accuracy.value == 1.0
    assert "load_tested: false" in card.verdict.not_tested
    assert {"latency", "reliability", "constraints"} <= set(card.verdict.not_tested)


@pytest.mark.parametrize("labels", [0, 199])
def test_without_enough_labels_the_judge_is_not_calibrated(session: Session, labels: int) -> None:
    verdict = qwen_of(session, started(session, spread(1500, labels=labels))).verdict
    assert (verdict.outcome, verdict.provisional) == (Outcome.EXTEND, Outcome.MIGRATE)
    assert verdict.reason_codes[0] == "judge_uncalibrated"
    assert any(f"{200 - labels} more labels" in line for line in verdict.would_change)


def test_labels_that_were_not_drawn_or_that_no_judge_graded_are_not_usable(session: Session) -> None:
    rows = [
        Row(START, name="drawn", said=both(1.0), told=(Told(1.0),)),
        Row(START, name="chosen", said=both(1.0), told=(Told(1.0, draw=None),)),
        Row(START, name="skipped", said=both(1.0), told=(Told(None),)),
        Row(START, name="unjudged", rule="equal", preference=0.5, told=(Told(1.0),)),
    ]
    quality = qwen_of(session, started(session, rows)).quality
    assert (quality.labels, quality.usable_labels) == (3, 1)
    assert quality.judge_accuracy.n == 4


def test_a_judge_that_people_contradict_is_not_calibrated(session: Session) -> None:
    rows = [replace(row, told=(Told(float(number % 4 < 2)),)) for number, row in enumerate(spread(1500))]
    verdict = qwen_of(session, started(session, rows)).verdict
    assert verdict.reason_codes[0] == "judge_uncalibrated"
    assert any("agrees with people more often" in line for line in verdict.would_change)


def test_a_worse_segment_stays_and_the_others_move(session: Session) -> None:
    segments = [{"name": "chat"}, {"name": "legal"}]
    rows = spread(900, segment="chat", labels=250) + spread(600, value=0.26, segment="legal")
    card = qwen_of(session, started(session, rows, segment=segments))
    assert card.segments["chat"].outcome is GateOutcome.PASSES
    assert card.segments["legal"].outcome is GateOutcome.FAILS
    assert card.segments["chat"].alpha == 0.025
    assert (card.verdict.outcome, card.verdict.routing) == (Outcome.HYBRID, {"chat": "qwen"})


def test_a_clearly_worse_candidate_is_refused(session: Session) -> None:
    card = qwen_of(session, started(session, spread(900, value=0.26)))
    assert card.verdict.outcome is Outcome.DONT_MIGRATE
    assert "quality_fails" in card.verdict.reason_codes


def test_before_day_14_nothing_moves(session: Session) -> None:
    pilot = started(session, spread(3000, labels=1500))
    early = card_of(session, pilot, as_of=START + 13 * DAY)
    assert early.day == 13
    verdict = early.candidates["qwen"].verdict
    assert (verdict.outcome, verdict.provisional) == (Outcome.EXTEND, None)
    assert verdict.reason_codes[0] == "before_day_14"
    assert card_of(session, pilot, as_of=START + 14 * DAY).candidates["qwen"].verdict.outcome is Outcome.MIGRATE


def test_an_extended_pilot_that_is_used_up_is_final(session: Session) -> None:
    pilot = started(session, spread(40), decision={"reason": "privacy"})
    assert not qwen_of(session, pilot).verdict.final
    mark_extended(session, pilot, days=14)
    verdict = qwen_of(session, pilot).verdict
    assert (verdict.outcome, verdict.final) == (Outcome.EXTEND, True)
    assert not qwen_of(session, pilot, now=START + 41 * DAY).verdict.final


def test_data_older_than_the_registration_are_the_first_reason(session: Session) -> None:
    verdict = qwen_of(session, started(session, spread(40), at=START + 30 * DAY)).verdict
    assert verdict.reasons[0].startswith("All 40 exchanges are older than the registration of 2026-10-07")
    other = qwen_of(session, started_again(session, spread(40, prefix="x"), at=START + 14 * DAY)).verdict
    assert other.reasons[0].startswith("20 of 40 exchanges are older")


def test_every_request_has_one_reason(session: Session) -> None:
    at = START + DAY
    rows = [
        Row(at, name="captured", said=both(1.0)),
        Row(at - 3 * DAY, name="before"),
        Row(START + 28 * DAY, name="after"),
        Row(at, name="refused", incumbent={"failure": "http", "status": 400}),
        Row(at, name="refused, not sampled", incumbent={"failure": "http", "status": 400}, extra={"sample_point": 0.9}),
        Row(at, name="limited", incumbent={"failure": "http", "status": 429}, rule="failure", preference=1.0),
        Row(at, name="late", incumbent={"failure": "http", "status": 408}, rule="failure", preference=1.0),
        Row(at, name="down", incumbent={"failure": "http", "status": 503}, rule="failure", preference=1.0),
        Row(at, name="not sampled", extra={"sample_point": 0.5}),
        Row(at, name="cancelled", extra={"reason": "client_cancelled"}),
        Row(at, name="opted out, outside", extra={"reason": "opted_out"}, candidate=None),
        Row(at, name="not asked", candidate=None),
        Row(at, name="both down", incumbent=TIMEOUT, candidate=TIMEOUT, rule="failure", preference=0.5),
        Row(at, name="failed", candidate={"failure": "http", "status": 400}, rule="failure", preference=0.0),
    ]  # fmt: skip
    card = card_of(session, started(session, rows, sampling={"rate": 0.5}))
    reasons = {reason: count for reason, count in card.coverage.by_reason.items() if count}
    assert reasons == {
        "captured": 7,
        "outside_window": 2,
        "client_error": 1,
        "not_sampled": 2,
        "client_cancelled": 1,
        "opted_out": 1,
    }
    assert sum(card.coverage.by_reason.values()) == card.coverage.production_requests == 14
    pairs = card.candidates["qwen"].coverage
    assert (pairs.both_ok, pairs.incumbent_failed, pairs.candidate_failed, pairs.both_failed, pairs.not_asked) == (
        1,
        3,
        1,
        1,
        1,
    )
    assert sum(pairs.model_dump().values()) == 7
    reliability = card.candidates["qwen"].reliability
    assert reliability.candidate_failure_rate.value == pytest.approx(2 / 6)
    assert reliability.candidate_failure_rate.n == 6
    assert reliability.failure_kinds == {"http": 1, "timeout": 1}


def test_a_conversation_is_one_unit_of_its_first_exchange(session: Session) -> None:
    segments = [{"name": "first"}, {"name": "second"}]
    midnight = START + DAY
    rows = [
        Row(midnight + timedelta(hours=1), "c", "second", said=both(1.0), name="late"),
        Row(midnight - timedelta(hours=1), "c", "first", said=both(0.0), name="early"),
        Row(midnight - timedelta(hours=2), "d", "second", said=both(1.0), name="other"),
    ]
    card = card_of(session, started(session, rows, segment=segments))
    quality, found = card.candidates["qwen"].quality, card.candidates["qwen"].segments
    assert (quality.win_rate.value, quality.win_rate.n) == (0.75, 2)
    assert quality.win_rate_fixed.value == pytest.approx(2 / 3)
    assert quality.win_rate_fixed.n == 3
    assert (found["first"].win_rate.value, found["first"].pairs, found["first"].conversations) == (0.5, 2, 1)
    assert (found["second"].win_rate.value, found["second"].pairs, found["second"].conversations) == (1.0, 1, 1)
    assert [(point.day, point.day_n) for point in quality.by_day] == [(1, 2)]


def test_ungraded_pairs_widen_the_interval_and_leave_the_value(session: Session) -> None:
    graded = spread(1000)
    unparsed = (Said("incumbent", None), Said("qwen", None))
    unknown = [Row(START, name=f"u-{n}", said=unparsed, ungraded="unparsed") for n in range(40)]
    waiting = [Row(START, name=f"p-{n}", rule=None) for n in range(30)]
    nobody = [Row(START, name=f"n-{n}", ungraded="no_judge") for n in range(20)]
    quality = qwen_of(session, started(session, graded + unknown + waiting + nobody)).quality
    without = qwen_of(session, started_again(session, spread(1000, prefix="z"), at=START)).quality
    assert quality.ungraded == {"unparsed": 80, "pending": 30, "no_judge": 20}
    assert (quality.win_rate.value, quality.win_rate.n) == (without.win_rate.value, 1000)
    assert quality.win_rate.low == pytest.approx(without.win_rate.low, abs=0.06)
    assert quality.win_rate.low < without.win_rate.low - 0.03  # type: ignore[operator]  # both are known here
    assert quality.win_rate.high > without.win_rate.high + 0.03  # type: ignore[operator]
    assert quality.win_rate_fixed.n == 1000


def test_one_answer_an_order_counts_and_a_flip_is_a_half(session: Session) -> None:
    rows = [
        Row(START, name="flip", said=(Said("incumbent", 1.0), Said("qwen", 0.0))),
        Row(START, name="one order", said=(Said("incumbent", 1.0), Said("qwen", None))),
        Row(START, name="tie", said=(Said(None, 0.5),)),
        Row(START, name="other rater", said=both(1.0, rater="chatgpt"), ungraded="not_imported"),
    ]
    quality = qwen_of(session, started(session, rows)).quality
    assert (quality.flips, quality.ties) == (1, 1)
    assert quality.win_rate.value == pytest.approx((0.5 + 1.0 + 0.5) / 3)
    assert quality.ungraded == {"not_imported": 1, "unparsed": 1}
    assert (quality.position_consistency_rate, quality.position_consistency_n) == (0.0, 1)
    assert (quality.first_shown_rate, quality.first_shown_n) == (0.0, 3)
    assert [rater.rater for rater in quality.raters] == ["chatgpt", "gpt-4"]


def test_a_day_of_which_too_much_was_not_asked_makes_quality_unknown(session: Session) -> None:
    rows = spread(1500, labels=300)
    gone = [Row(START + 3 * DAY, name=f"gone-{n}", candidate=None) for n in range(5)]
    card = qwen_of(session, started(session, rows + gone))
    assert gate_of(card, GateName.QUALITY) is GateOutcome.UNKNOWN
    assert "not_asked" in card.verdict.reason_codes
    assert any("pilot replay support-bot --candidate qwen" in line for line in card.verdict.would_change)
    few = qwen_of(session, started_again(session, spread(1500, prefix="y", labels=300) + gone[:2], at=START))
    assert gate_of(few, GateName.QUALITY) is GateOutcome.PASSES


def test_unequal_chances_weigh_conversations(session: Session) -> None:
    rows = [
        Row(START, name="often", said=both(1.0), extra={"inclusion_probability": 0.25}),
        Row(START, name="rare", said=both(0.0)),
    ]
    quality = qwen_of(session, started(session, rows)).quality
    assert quality.win_rate.value == pytest.approx(0.8)
    assert quality.win_rate_fixed.value == 0.5


def test_a_non_commercial_licence_decides_on_the_first_day(session: Session) -> None:
    candidate = [PRICED["candidate"][0] | {"license": "CC-BY-NC-4.0", "license_reviewed": True}]
    verdict = qwen_of(session, started(session, spread(40), candidate=candidate), now=START + DAY).verdict
    assert verdict.outcome is Outcome.DONT_MIGRATE
    assert verdict.reason_codes[:2] == ["constraint_fails", "license_non_commercial"]


def test_an_unreviewed_licence_holds_back(session: Session) -> None:
    candidate = [PRICED["candidate"][0] | {"license": "Gemma"}]
    verdict = qwen_of(session, started(session, spread(1500, labels=300), candidate=candidate)).verdict
    assert verdict.outcome is Outcome.EXTEND
    assert "license_unreviewed" in verdict.reason_codes


def test_the_saving_is_shown_but_not_required_for_privacy(session: Session) -> None:
    candidate = [PRICED["candidate"][0] | {"gpu_usd_per_hour": 50}]
    rows = spread(1500, labels=300)
    card = qwen_of(session, started(session, rows, candidate=candidate, decision={"reason": "privacy"}))
    assert gate_of(card, GateName.SAVING) is GateOutcome.NOT_REQUIRED
    assert (card.cost.saving_usd_per_month.value or 0) < 0
    assert card.verdict.outcome is Outcome.MIGRATE
    assert "saving" in card.verdict.not_tested


def test_an_open_exchange_keeps_its_day_open(session: Session) -> None:
    rows = [Row(START + day * DAY, name=f"d{day}", said=both(0.5)) for day in range(4)]
    rows[1] = Row(rows[1].at, name="d1", said=both(0.5), extra={"closed_at": None})
    card = card_of(session, started(session, rows), now=START + 3 * DAY + timedelta(hours=5))
    assert (card.days_closed, card.day, card.as_of) == ([1, 3], 3, START + 3 * DAY)
    assert card.candidates["qwen"].quality.win_rate.n == 2
    assert card.coverage.by_reason["pending"] == 1
    assert card.coverage.by_reason["captured"] == 3
    assert [(each.day, each.captured, each.pending) for each in card.coverage.by_day] == [
        (1, 1, 0),
        (2, 0, 1),
        (3, 1, 0),
        (4, 1, 0),
    ]
    assert (card.candidates["qwen"].quality.graded, card.candidates["qwen"].coverage.both_ok) == (2, 3)


def test_days_are_24_hours_in_the_pilots_own_zone(session: Session) -> None:
    pilot = {"starts": START.date(), "timezone": "America/New_York"}
    rows = [
        Row(datetime(2026, 9, 7, 3, 59, tzinfo=UTC), name="before", said=both(0.5)),
        Row(datetime(2026, 9, 7, 4, 0, tzinfo=UTC), name="first", said=both(0.5)),
    ]
    card = card_of(session, started(session, rows, pilot=pilot), now=datetime(2026, 9, 8, 4, 0, tzinfo=UTC))
    assert (card.day, card.as_of) == (1, datetime(2026, 9, 8, 4, 0, tzinfo=UTC))
    assert card.coverage.by_reason["outside_window"] == 1
