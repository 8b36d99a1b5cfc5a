"""The saving gate: sure enough to pass, sure enough to fail, or unknown; what stays unknown is never counted as nothing."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from app.costs.month_model import month_of
from app.costs.spread import SpendMoments
from app.costs.stairs import Stairs
from app.costs.token_bill import TokenBill
from app.costs.upkeep import Upkeep
from app.domain.capacity_figures import CapacityModel, CapacityStair
from app.domain.estimate_models import EstimateModel
from app.domain.words import GateOutcome
from app.pipeline.money import Money, candidate_usd, one_off_hours, replicas_of, saving_usd, upgrade_hours, upkeep_hours
from app.pipeline.money_capacity import carrying_variation, stairs_of
from app.pipeline.saving import drawn_month, month_model, saving_gate
from tests.builders import a_configuration
from tests.unit.pipeline.made_case import money

P, F, U = GateOutcome.PASSES, GateOutcome.FAILS, GateOutcome.UNKNOWN


def unsure(total: float, error: float) -> dict[str, SpendMoments]:
    """Conversations whose total has this standard error, all on one day."""
    return {"a": SpendMoments(np.array([error**2, 0.0, 0.0]), np.array([[total, 0.0]]), 100)}


def a_money(**changes: object) -> Money:
    plain = {"closed": (1,), "first_day": date(2026, 9, 7)}
    return replace(money(), **plain | changes)  # type: ignore[arg-type]  # names as of Money


@pytest.mark.parametrize(
    ("incumbent_usd", "error", "outcome", "chance"),
    [
        ("1000", 0.0, P, "over 99.9%"),  # 270 are saved
        ("1000", 100.0, P, None),
        ("1000", 300.0, U, None),
        ("731", 100.0, U, None),
        ("600", 300.0, U, None),
        ("600", 40.0, F, None),
        ("600", 0.0, F, "under 0.1%"),
        ("730", 0.0, F, "under 0.1%"),
    ],
)
def test_it_passes_and_fails_only_where_the_draws_are_sure(
    incumbent_usd: str, error: float, outcome: GateOutcome, chance: str | None
) -> None:
    bills = {"a": TokenBill(usd=Decimal(incumbent_usd), replies=Decimal(1))}
    found = saving_gate(a_money(incumbent=bills, moments=unsure(float(incumbent_usd), error)), None)
    assert found.outcome is outcome
    assert found.threshold == 0.0
    assert found.bound is not None
    if outcome is P:
        assert 0 < found.bound <= float(incumbent_usd) - 730 + 1e-9
    if outcome is F:
        assert float(incumbent_usd) - 730 - 1e-9 <= found.bound <= 0
    if chance is not None:
        assert found.reason.endswith(f"the chance that it saves money is {chance}")


def test_a_doubt_about_the_spend_keeps_it_open_whatever_is_saved() -> None:
    found = saving_gate(a_money(doubt="the invoice says 12 % more"), None)
    assert found.outcome is U
    assert found.bound == pytest.approx(270)
    assert found.reason.startswith("the invoice says 12 % more; if all of it moves, 270.00 US dollars a month are saved")


def test_what_is_missing_is_named() -> None:
    found = saving_gate(a_money(month=None), None)
    assert (found.outcome, found.bound, found.reason) == (U, None, "not known: a closed day missing")


def test_hours_of_upkeep_are_logged_ones_else_those_that_the_team_reckons_with() -> None:
    cost = {"engineer_usd_per_hour": "100", "other_usd_per_month": "0", "upkeep_hours_per_month": 8.0}
    configuration = a_configuration(candidate=[{"name": "q", "base_url": "http://x/v1", "model": "m"}], cost=cost)
    logged = Upkeep(Decimal(10), Decimal(5), Decimal(20), weeks=4, entries=3, sigma=0.35)
    assert upkeep_hours(a_money(configuration=configuration, upkeep=logged)) == 10
    assert upkeep_hours(a_money(configuration=configuration, upkeep=None)) == 8
    assert upkeep_hours(a_money(upkeep=None)) == 0
    assert upkeep_hours(a_money(upkeep=None, month=None)) is None


def test_upgrades_and_what_is_still_to_come_are_part_of_the_month() -> None:
    cost = {
        "engineer_usd_per_hour": "100", "other_usd_per_month": "7", "upgrades_per_year": 6, "hours_per_upgrade": 10,
        "migration_hours": 80, "horizon_months": 10,
    }  # fmt: skip
    candidate = {"name": "q", "base_url": "http://x/v1", "model": "m", "gpu_usd_per_hour": "1.00"}
    configuration = a_configuration(candidate=[candidate], cost=cost)
    given = a_money(configuration=configuration, table=configuration.candidate[0], one_off_hours=Decimal(20))
    assert upgrade_hours(given) == 5
    assert one_off_hours(given) == 100
    month = candidate_usd(given, None)
    assert month.parts == {"gpus": 730, "engineering hours": 0, "upgrades": 500, "one-off hours": 1000, "other": 7}
    assert month.usd == 730 + 500 + 1000 + 7
    assert float(month_of_point(given)) == pytest.approx(float(month.usd))


def month_of_point(given: Money) -> float:
    return float(month_of(month_model(given, None)).candidate_usd)


def test_more_replicas_than_configured_are_paid_where_a_rehearsal_showed_that_they_are_needed() -> None:
    stairs = [
        CapacityStair(volume_factor=volume, replicas=n - 1, replicas_with_spare=n)
        for volume, n in ((0.4, 2), (0.8, 3), (1.6, 4))
    ]
    capacity = CapacityModel(stairs=stairs, slots_per_replica=EstimateModel(value=8, low=7, high=9))
    few, many = (stairs_of(capacity, configured=configured) for configured in (1, 6))
    assert (few.volumes, few.replicas) == ((0.4, 0.8, 1.6), (2, 3, 4))
    assert (replicas_of(a_money(stairs=few)), replicas_of(a_money(stairs=many))) == (4, 6)
    assert candidate_usd(a_money(stairs=few), None).parts["gpus"] == 4 * 730
    assert carrying_variation(capacity.slots_per_replica) == pytest.approx(2 / (2 * 1.96) / 8, rel=1e-4)
    assert carrying_variation(EstimateModel(value=8)) == 0.0
    assert stairs_of(CapacityModel(), configured=3) == Stairs(least=3)


def test_steps_of_equal_replicas_are_one() -> None:
    stairs = [CapacityStair(volume_factor=v, replicas=n, replicas_with_spare=n) for v, n in ((0.4, 2), (0.6, 2), (0.9, 3))]
    assert stairs_of(CapacityModel(stairs=stairs), configured=1) == Stairs((0.6, 0.9), (2, 3), least=1)


def test_a_part_of_the_requests_rents_the_replicas_that_it_needs() -> None:
    bills = {name: TokenBill(usd=Decimal(2000), replies=Decimal(many)) for name, many in (("a", 200), ("b", 800))}
    stairs = Stairs((0.25, 0.5, 0.75, 1.0), (1, 2, 3, 4))
    given = a_money(incumbent=bills, stairs=stairs)
    parts = (None, frozenset({"a"}), frozenset({"b"}))
    assert [replicas_of(given, part) for part in parts] == [4, 1, 4]
    assert [candidate_usd(given, part).parts["gpus"] for part in parts] == [2920, 730, 2920]
    assert saving_usd(given, frozenset({"a"})) == 2000 - 730
    assert [saving_gate(given, part).outcome for part in parts] == [P, P, F]
    assert float(month_of(month_model(given, frozenset({"a"}))).replicas) == 1
    assert replicas_of(replace(given, stairs=replace(stairs, least=3)), frozenset({"a"})) == 3
    assert replicas_of(replace(given, stairs=Stairs(least=4)), frozenset({"a"})) == 4
    with pytest.raises(ValueError, match="share"):
        stairs.of_share(0.0)


def test_hours_of_the_pilot_itself_are_not_the_migrations() -> None:
    given = a_money(one_off_hours=Decimal(20), evaluation_hours=Decimal(6))
    assert one_off_hours(given) == 14


def test_a_split_costs_the_same_gpus_and_saves_only_what_moves() -> None:
    bills = {name: TokenBill(usd=Decimal(usd), replies=Decimal(1)) for name, usd in (("a", 1000), ("b", 500))}
    given = a_money(incumbent=bills)
    assert saving_usd(given, None) == 1500 - 730
    assert saving_usd(given, frozenset({"a"})) == 1000 - 730
    assert saving_usd(given, frozenset({"b"})) == 500 - 730
    assert [saving_gate(given, frozenset({name})).outcome for name in ("a", "b")] == [P, F]


def test_the_draws_are_those_of_the_part_that_moves() -> None:
    moments = unsure(1000.0, 100.0) | {"b": SpendMoments(np.array([0.0, 0.0, 0.0]), np.array([[500.0, 0.0]]), 50)}
    bills = {name: TokenBill(usd=Decimal(usd), replies=Decimal(1)) for name, usd in (("a", 1000), ("b", 500))}
    given = a_money(incumbent=bills, moments=moments)
    assert drawn_month(given, frozenset({"a"})).spread.incumbent == pytest.approx(0.1)
    assert drawn_month(given, frozenset({"b"})).spread.incumbent == 0.0
    assert drawn_month(given, None).spread.incumbent == pytest.approx(100 / 1500)
