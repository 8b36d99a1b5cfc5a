"""From stored replies and hours to a month's money: whose tokens, whose hours, which days, and what nobody knows."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from app.costs.month_model import MonthModel
from app.costs.stored_month import model_of, points_of, spread_of_inputs
from app.costs.token_bill import TokenBill
from app.domain.capacity_figures import CapacityModel, CapacityStair
from app.domain.estimate_models import EstimateModel
from app.domain.hours import HoursEntry
from app.domain.month_inputs import MonthInputs
from app.pipeline.closing import Selection
from app.pipeline.money import Money, candidate_usd, incumbent_usd, missing_inputs, money_of, saving_usd, unpriced_models
from app.pipeline.money_model import month_inputs
from app.pipeline.saving import month_model, spread_in
from app.store.evidence import PurposeSpend, Spend
from tests.builders import a_configuration
from tests.unit.pipeline.made_case import money as plain_money
from tests.unit.pipeline.made_evidence import Made, made

FIRST = date(2026, 9, 7)
BY_TOKEN = {"input_usd_per_million_tokens": "1", "output_usd_per_million_tokens": "2"}
RENTED = {"gpu_usd_per_hour": "2.00", "replicas": 2}
COST = {"engineer_usd_per_hour": 90, "other_usd_per_month": 10}
SPEND = Spend(Decimal(3), ("mystery",), (PurposeSpend("judge", 4, Decimal(3)),))


def worked(day: int, hours: int, kind: str = "on-call", *, recurring: bool = True) -> HoursEntry:
    return HoursEntry(0, "ann", FIRST + timedelta(days=day - 1), Decimal(hours), kind, is_recurring=recurring)


def a_money(candidate: dict[str, Any], *, hours: list[HoursEntry] | None = None, **changes: Any) -> Money:
    """Two days, on each a request of segment a of weight 1 and one of b of weight 3; 1,000 tokens in, 100 out, 2,000 and 50."""
    rows = [
        Made(f"{segment}{day}", segment=segment, day=day, weight=weight)
        for day in (1, 2)
        for segment, weight in (("a", 1.0), ("b", 3.0))
    ]
    given = made(rows)
    incumbent = replace(given.evidence.incumbent, input_tokens=np.full(4, 1000.0), output_tokens=np.full(4, 100.0))
    arm = replace(
        given.arm, replies=replace(given.arm.replies, input_tokens=np.full(4, 2000.0), output_tokens=np.full(4, 50.0))
    )
    evidence = replace(given.evidence, incumbent=incumbent, arms={"qwen": arm})
    table = {"name": "qwen", "base_url": "http://x/v1", "model": "m"} | candidate
    prices = {"input_usd_per_million_tokens": "100", "output_usd_per_million_tokens": "1000"}
    configuration = a_configuration(
        incumbent={"base_url": "http://y/v1", "model": "house"} | prices, candidate=[table], cost=COST | changes.pop("cost", {})
    )
    days = np.array([row.day for row in rows])
    ends_at = datetime(2026, 9, 9, tzinfo=UTC)
    every = np.ones(4, dtype=bool)
    selection = Selection(given.evidence.exchanges.segments, days, every, every, (1, 2), ends_at)
    weights = np.array([row.weight for row in rows])
    named: dict[str, Any] = {
        "weights": weights,
        "hours": hours or [],
        "first_day": FIRST,
        "spend": SPEND,
        "capacity": CapacityModel(),
    }
    return money_of(configuration, "qwen", evidence, selection, given.talks, **named | changes)


MONTH = Decimal(730) / 48


def test_rented_gpus_against_the_incumbents_tokens() -> None:
    found = a_money(RENTED)
    assert found.month == MONTH
    assert found.requests == 8
    assert incumbent_usd(found, None) == pytest.approx(8 * Decimal("0.2") * MONTH)
    assert incumbent_usd(found, frozenset({"a"})) == pytest.approx(2 * Decimal("0.2") * MONTH)
    month = candidate_usd(found, None)
    assert month.parts == {"gpus": 2 * 2 * 730, "engineering hours": 0, "other": 10}
    assert found.candidate is None
    assert found.usd_by_row is not None
    assert (found.usd_by_row[0].tolist(), found.usd_by_row[1]) == ([0.2] * 4, None)
    assert found.moments["b"].squares.tolist() == pytest.approx([2 * 0.6**2, 0, 0])
    assert (found.closed, found.first_day, found.unpriced_calls) == ((1, 2), FIRST, ("mystery",))
    assert found.pilot_usd == 3
    assert found.tokens is not None
    assert found.tokens.input == pytest.approx(8000 * float(MONTH))
    assert found.ends_at == datetime(2026, 9, 9, tzinfo=UTC)


def test_a_candidate_that_is_paid_by_the_token() -> None:
    found = a_money(BY_TOKEN)
    assert found.candidate is not None
    assert candidate_usd(found, None).parts["tokens"] == pytest.approx(8 * Decimal("0.0021") * MONTH)
    assert candidate_usd(found, frozenset({"b"})).parts["tokens"] == pytest.approx(6 * Decimal("0.0021") * MONTH)
    assert found.usd_by_row is not None
    assert found.usd_by_row[1] is not None
    assert found.usd_by_row[1].tolist() == pytest.approx([0.0021] * 4)
    squares = found.moments["a"].squares
    assert squares.tolist() == pytest.approx([2 * 0.2**2, 2 * 0.0021**2, 2 * 0.2 * 0.0021])
    saved = saving_usd(found, None)
    assert saved == pytest.approx(8 * (Decimal("0.2") - Decimal("0.0021")) * MONTH - 10)


@pytest.mark.parametrize(
    ("entries", "upkeep", "idle"),
    [
        ([worked(1, 3), worked(2, 4)], 7, 0),
        ([worked(0, 3), worked(3, 4)], None, 7),
        ([worked(2, 3), worked(3, 4), worked(-5, 1)], 3, 5),
        ([worked(1, 3, recurring=False)], None, 0),
    ],
)
def test_hours_that_come_again_count_on_closed_days_alone(entries: list[HoursEntry], upkeep: int | None, idle: int) -> None:
    found = a_money(RENTED, hours=entries)
    assert (found.upkeep.value if found.upkeep is not None else None) == (upkeep * MONTH if upkeep is not None else None)
    assert found.idle_hours == idle


def test_hours_that_come_once_count_whenever_they_were_worked_and_evaluation_is_the_pilots() -> None:
    entries = [worked(-20, 5, "set-up", recurring=False), worked(1, 2, "evaluation", recurring=False), worked(1, 9)]
    found = a_money(RENTED, hours=entries)
    assert found.one_off_hours == 7
    assert found.evaluation_hours == 2
    assert candidate_usd(found, None).parts["one-off hours"] == Decimal(5) * 90 / 24


@pytest.mark.parametrize(
    ("cost", "upkeep"),
    [
        ({}, 5),
        ({"upgrades_per_year": 4, "hours_per_upgrade": 6}, 3),
        ({"upgrades_per_year": 4}, 5),
        ({"hours_per_upgrade": 6}, 5),
    ],
)
def test_upgrades_that_are_reckoned_by_the_year_are_no_upkeep(cost: dict[str, int], upkeep: int) -> None:
    found = a_money(RENTED, hours=[worked(1, 3), worked(2, 2, "upgrade")], cost=cost)
    assert found.upkeep is not None
    assert found.upkeep.value == upkeep * MONTH


def test_a_pilot_without_days_has_hours_of_none() -> None:
    found = a_money(RENTED, hours=[worked(1, 3)], first_day=None)
    assert found.upkeep is None
    assert found.idle_hours == 3


def test_what_a_rehearsal_showed_decides_the_replicas() -> None:
    stairs = [CapacityStair(volume_factor=1.5, replicas=4, replicas_with_spare=5)]
    capacity = CapacityModel(stairs=stairs, slots_per_replica=EstimateModel(value=10, low=8, high=12), utilisation_rate=0.3)
    found = a_money(RENTED, capacity=capacity)
    assert candidate_usd(found, None).parts["gpus"] == 5 * 2 * 730
    assert found.utilisation_rate == 0.3
    assert found.carrying_variation == pytest.approx(0.4 / 3.92, rel=1e-3)


def test_a_side_that_nobody_can_price_has_no_saving() -> None:
    unknown = {"a": TokenBill(unpriced=frozenset({"house"}))}
    blind = {"a": TokenBill(uncounted=Decimal(9))}
    rented, by_token = plain_money(), plain_money(gpu_usd=None)
    for found in (replace(rented, incumbent=unknown), replace(rented, incumbent=blind), replace(by_token, candidate=unknown)):
        assert saving_usd(found, None) is None
    assert saving_usd(rented, None) == 270
    assert unpriced_models(replace(rented, incumbent=unknown)) == {"house"}
    assert unpriced_models(replace(by_token, candidate=unknown)) == {"house"}
    (missing,) = missing_inputs(replace(rented, incumbent=unknown))
    assert missing == "the incumbent's token prices (house)"
    assert missing_inputs(replace(by_token, candidate=unknown)) == ["qwen: both token prices"]
    assert missing_inputs(replace(by_token, candidate=blind))[0].startswith("qwen: token counts (9 replies have none")
    assert missing_inputs(replace(rented, table=by_token.table)) == ["qwen: gpu_usd_per_hour or token prices"]


@pytest.mark.parametrize("which", [RENTED, BY_TOKEN])
def test_the_inputs_that_are_kept_give_the_points_again(which: dict[str, Any]) -> None:
    entries = [worked(1, 3), worked(-20, 5, "set-up", recurring=False)]
    capacity = CapacityModel(stairs=[CapacityStair(volume_factor=1.5, replicas=4, replicas_with_spare=5)])
    found = a_money(which, hours=entries, capacity=capacity, cost={"upgrades_per_year": 4, "hours_per_upgrade": 7})
    inputs = month_inputs(found)
    assert inputs is not None
    points = points_of(MonthInputs.model_validate_json(inputs.model_dump_json()))
    cent = Decimal("0.0000001")
    assert points.incumbent_usd is not None
    assert abs(points.incumbent_usd - Decimal(incumbent_usd(found, None) or 0)) < cent
    assert points.candidate.parts.keys() == candidate_usd(found, None).parts.keys()
    assert abs(Decimal(points.candidate.usd or 0) - Decimal(candidate_usd(found, None).usd or 0)) < cent
    model = model_of(inputs)
    assert model is not None
    expected = month_model(found, None)
    assert model.stairs == expected.stairs
    assert [getattr(model, name) for name in MonthModel.__dataclass_fields__ if name != "stairs"] == pytest.approx(
        [getattr(expected, name) for name in MonthModel.__dataclass_fields__ if name != "stairs"]
    )
    assert spread_of_inputs(inputs) == spread_in(found, None)


def test_inputs_name_what_has_no_price_and_why_counts_are_too_few() -> None:
    assert month_inputs(replace(plain_money(), month=None)) is None
    blind = month_inputs(replace(plain_money(), incumbent={"a": TokenBill(uncounted=Decimal(9))}))
    assert blind is not None
    assert "nothing to estimate" in blind.incumbent_lack
    assert points_of(blind).saving_usd is None
