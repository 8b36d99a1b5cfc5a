"""What a scorecard says of money, times, failures and the traffic's peaks."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.costs.stored_month import points_of
from app.domain.cost_figures import CostModel
from app.domain.hours import HoursEntry
from app.domain.words import GateName, GateOutcome, Outcome
from app.store.hours import insert_hours
from app.store.spend import book_spend
from tests.integration.scorecard_pilots import QWEN, TIMEOUT, TOKENS, card_of, gate_of, qwen_of, spread, started, started_again
from tests.integration.scorecard_rows import DAY, START, Row, both


def test_money_is_the_closed_days_times_730_hours(session: Session) -> None:
    pilot = started(session, spread(280))
    entries = [
        HoursEntry(0, "ann", date(2026, 9, 10), Decimal(14), "on-call", is_recurring=True),
        HoursEntry(0, "bob", date(2026, 9, 8), Decimal(40), "set-up", is_recurring=False),
    ]
    insert_hours(session, pilot.id, entries, by="test")
    book_spend(session, pilot.id, purpose="judge", model="gpt-4", calls=3, usd=Decimal("1.25"))
    cost = qwen_of(session, pilot).cost
    month = Decimal(730) / (24 * 28)
    incumbent = 280 * Decimal("0.2") * month  # 1,000 tokens at $100 and 100 at $1,000 a million
    hours = 14 * month
    candidate = Decimal("0.01") * 730 + hours * 90 + 40 * Decimal(90) / 24 + 10
    assert cost.incumbent_usd_per_month.value == pytest.approx(incumbent)
    assert cost.candidate_usd_per_month.value == pytest.approx(candidate)
    assert cost.saving_usd_per_month.value == pytest.approx(incumbent - candidate)
    assert cost.engineering_hours.one_off == 40.0
    assert cost.engineering_hours.recurring_per_month.value == pytest.approx(float(hours))
    assert cost.requests_per_month == pytest.approx(float(280 * month))
    assert cost.parts["one-off hours"] == pytest.approx(40 * Decimal(90) / 24)
    assert cost.saving_p5_usd is not None
    assert cost.saving_p95_usd is not None
    assert cost.saving_p5_usd < incumbent - candidate < cost.saving_p95_usd
    assert cost.probability_saving_positive == 0.0
    assert cost.pilot_usd == Decimal("1.25")
    assert gate_of(qwen_of(session, pilot), GateName.SAVING) is GateOutcome.FAILS
    assert_computed_again(cost)


def assert_computed_again(cost: CostModel) -> None:
    """What is stored is enough to compute the points to the cent, without evidence."""
    stored = CostModel.model_validate_json(cost.model_dump_json())
    assert stored.model is not None
    points = points_of(stored.model)
    for again, said in (
        (points.incumbent_usd, stored.incumbent_usd_per_month.value),
        (points.candidate.usd, stored.candidate_usd_per_month.value),
        (points.saving_usd, stored.saving_usd_per_month.value),
    ):
        assert (again is None) == (said is None)
        assert again is None or said is None or round(again, 2) == said


@pytest.mark.parametrize(("day", "counts"), [(-1, False), (0, True), (27, True), (28, False)])
def test_recurring_hours_count_on_closed_days_alone(session: Session, day: int, counts: bool) -> None:
    pilot = started(session, spread(280))
    worked = (START + day * DAY).date()
    insert_hours(session, pilot.id, [HoursEntry(0, "ann", worked, Decimal(14), "on-call", is_recurring=True)], by="test")
    card = qwen_of(session, pilot)
    month = card.cost.engineering_hours.recurring_per_month
    assert (month.value, month.n) == ((pytest.approx(14 * 730 / (24 * 28)), 1) if counts else (None, 0))
    told = "14.0 recurring hours lie outside the closed days"
    assert any(told in line for line in card.verdict.not_tested) is not counts


@pytest.mark.parametrize(("planned", "recurring"), [({}, 14), ({"upgrades_per_year": 4, "hours_per_upgrade": 6}, 10)])
def test_upgrades_that_are_reckoned_by_the_year_do_not_count_as_upkeep_too(
    session: Session, planned: dict[str, Any], recurring: int
) -> None:
    cost = {"engineer_usd_per_hour": 90, "other_usd_per_month": 10} | planned
    pilot = started(session, spread(280), cost=cost)
    worked = [
        HoursEntry(0, "ann", START.date(), Decimal(hours), kind, is_recurring=True)
        for kind, hours in (("on-call", 10), ("upgrade", 4))
    ]
    insert_hours(session, pilot.id, worked, by="test")
    found = qwen_of(session, pilot).cost
    assert found.engineering_hours.recurring_per_month.value == pytest.approx(recurring * 730 / (24 * 28))
    assert ("upgrades" in found.parts) is bool(planned)


def test_hours_of_a_day_that_is_not_over_are_not_known_yet(session: Session) -> None:
    pilot = started(session, spread(280))
    tenth = (START + 10 * DAY).date()
    insert_hours(session, pilot.id, [HoursEntry(0, "ann", tenth, Decimal(14), "on-call", is_recurring=True)], by="test")
    before, after = (card_of(session, pilot, as_of=START + days * DAY).candidates["qwen"] for days in (10, 11))
    assert before.cost.engineering_hours.recurring_per_month.n == 0
    assert after.cost.engineering_hours.recurring_per_month.n == 1


def test_a_sample_stands_for_all_requests(session: Session) -> None:
    rows = [replace(row, extra={"inclusion_probability": 0.1}) for row in spread(280)]
    card = qwen_of(session, started(session, rows, sampling={"rate": 0.5}))
    whole = qwen_of(session, started_again(session, spread(280, prefix="w"), at=START))
    assert card.cost.requests_per_month == pytest.approx(20 * (whole.cost.requests_per_month or 0))
    assert float(card.cost.incumbent_usd_per_month.value or 0) == pytest.approx(
        20 * float(whole.cost.incumbent_usd_per_month.value or 0)
    )
    assert_computed_again(card.cost)
    assert card.capacity.requests_per_minute_peak == 20
    assert card.quality.win_rate.value == pytest.approx(whole.quality.win_rate.value)  # equal chances change no mean


def test_missing_money_is_named(session: Session) -> None:
    rows = spread(280)
    bare: dict[str, Any] = {
        "cost": None,
        "incumbent": {"base_url": "http://127.0.0.1/v1", "model": "house-model"},
        "candidate": [QWEN],
    }
    card = qwen_of(session, started(session, rows, **bare))
    assert gate_of(card, GateName.SAVING) is GateOutcome.UNKNOWN
    assert card.cost.saving_usd_per_month.value is None
    assert card.cost.unpriced_models == ["house-model"]
    assert_computed_again(card.cost)
    assert card.cost.model is not None
    assert [(line.kind, line.usd_per_million_tokens) for line in card.cost.model.incumbent_tokens] == [
        ("input", None),
        ("output", None),
    ]
    said = " ".join(card.cost.missing)
    assert all(word in said for word in ("[cost]", "house-model", "gpu_usd_per_hour"))
    assert "license_unreviewed" in card.verdict.reason_codes


def test_replies_without_token_counts_have_no_price(session: Session) -> None:
    rows = spread(100) + [Row(START, name=f"blind-{n}", said=both(0.5)) for n in range(50)]
    cost = qwen_of(session, started(session, rows)).cost
    assert cost.incumbent_usd_per_month.value is None
    (missing,) = cost.missing
    assert missing.startswith("the incumbent's token counts (50 replies have none, and nothing to estimate them from: set")
    assert "invoice" not in missing


def test_the_price_table_is_asked_by_model_and_day(session: Session) -> None:
    incumbent = {"base_url": "https://api.openai.com/v1", "model": "gpt-5.1"}
    cost = qwen_of(session, started(session, spread(280), incumbent=incumbent)).cost
    month = Decimal(730) / (24 * 28)
    each = (1000 * Decimal("1.25") + 100 * Decimal(10)) / 1_000_000
    assert cost.incumbent_usd_per_month.value == pytest.approx(280 * each * month)


def test_latency_counts_imported_times_only_if_they_are_accepted(session: Session) -> None:
    rows = spread(800)
    latency = {"total_p95_seconds": 1.5}
    refused = qwen_of(session, started(session, rows, latency=latency))
    assert refused.latency.basis == "none"
    assert refused.latency.total_seconds.p95.candidate.n == 0
    assert gate_of(refused, GateName.LATENCY) is GateOutcome.UNKNOWN
    accepted = latency | {"accept_imported": True}
    card = qwen_of(
        session,
        started(session, spread(800, prefix="a"), latency=accepted, pilot={"name": "second", "starts": START.date()}),
    )
    assert (card.latency.basis, card.latency.total_seconds.p95.candidate.value) == ("imported", 1.0)
    assert gate_of(card, GateName.LATENCY) is GateOutcome.PASSES


def test_replayed_times_never_count(session: Session) -> None:
    rows = [replace(row, candidate=TOKENS | {"total_seconds": 1.0, "source": "replay"}) for row in spread(800)]
    accepted = {"total_p95_seconds": 1.5, "accept_imported": True}
    card = qwen_of(session, started(session, rows, latency=accepted))
    assert (card.latency.basis, card.latency.total_seconds.p95.candidate.value) == ("none", None)
    assert card.latency.total_seconds.p95.incumbent.value == 1.0
    assert gate_of(card, GateName.LATENCY) is GateOutcome.UNKNOWN


def test_a_slow_and_failing_candidate_is_refused_early(session: Session) -> None:
    slow = [replace(row, said=(), candidate=TIMEOUT, rule="failure", preference=0.0) for row in spread(400)]
    pilot = started(session, slow, reliability={"max_failure_rate": 0.01})
    early = card_of(session, pilot, as_of=START + 3 * DAY).candidates["qwen"]
    assert gate_of(early, GateName.RELIABILITY) is GateOutcome.FAILS
    assert early.verdict.outcome is Outcome.DONT_MIGRATE
    assert early.latency.total_seconds.p95.candidate.n == 0


def test_peaks_are_by_utc_minute_and_by_overlap(session: Session) -> None:
    def row(name: str, seconds: float, total: float) -> Row:
        at = START + timedelta(seconds=seconds)
        return Row(at, name=name, said=both(0.5), incumbent={"total_seconds": total}, candidate={"total_seconds": 1.0})

    rows = [row("a", 0, 10), row("b", 5, 5), row("c", 10, 1), row("d", 59, 3), row("e", 60, 1)]
    capacity = qwen_of(session, started(session, rows)).capacity
    assert capacity.requests_per_minute_peak == 4
    assert (capacity.incumbent_concurrency_peak, capacity.candidate_concurrency_peak) == (2, 1)
