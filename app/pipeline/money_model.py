"""What the month's formula is given, kept in the scorecard: whoever reads it computes the same points without evidence."""

from decimal import Decimal

from app.costs.monthly import HORIZON_MONTHS
from app.costs.token_bill import TokenBill, TokenRate
from app.domain.month_inputs import TOKEN_KINDS, MonthInputs, ReplicaStep, SpreadModel, TokenLine
from app.pipeline.money import Money, one_off_hours, requests_a_month, stairs_in, upgrade_hours, upkeep_hours
from app.pipeline.saving import spread_in
from app.pipeline.token_bills import Bills


def month_inputs(money: Money) -> MonthInputs | None:
    """The inputs of all traffic; `None` without a closed day."""
    if money.month is None:
        return None
    cost, table, stairs, spread = money.configuration.cost, money.table, stairs_in(money, None), spread_in(money, None)
    stays, leaves = _all(money.incumbent), _all(money.candidate or {})
    return MonthInputs(
        requests_per_month=requests_a_month(money),
        incumbent_tokens=_lines(stays, money.month),
        incumbent_lack=stays.lack,
        candidate_tokens=_lines(leaves, money.month),
        candidate_lack=leaves.lack,
        is_paid_by_token=money.candidate is not None,
        gpu_usd_per_hour=table.gpu_usd_per_hour if money.candidate is None else None,
        gpus_per_replica=table.gpus_per_replica,
        least_replicas=stairs.least,
        steps=[ReplicaStep(volume=v, replicas=r) for v, r in zip(stairs.volumes, stairs.replicas, strict=True)],
        spare_replicas=money.configuration.capacity.spare_replicas,
        upkeep_hours_per_month=upkeep_hours(money),
        is_upkeep_logged=money.upkeep is not None,
        upgrade_hours_per_month=upgrade_hours(money),
        one_off_hours=one_off_hours(money),
        engineer_usd_per_hour=cost.engineer_usd_per_hour if cost is not None else None,
        other_usd_per_month=cost.other_usd_per_month if cost is not None else None,
        horizon_months=cost.horizon_months if cost is not None else HORIZON_MONTHS,
        spread=SpreadModel(
            incumbent=spread.incumbent, candidate=spread.candidate, correlation=spread.correlation,
            carrying=spread.carrying, upkeep_sigma=spread.upkeep_sigma,
        ),
    )  # fmt: skip


def _all(bills: Bills) -> TokenBill:
    return sum((bill for _, bill in sorted(bills.items())), TokenBill())


def _lines(bill: TokenBill, month: Decimal) -> list[TokenLine]:
    """By model, tier and kind, as a reader of a bill expects them."""
    return [
        TokenLine(
            model=rate.model, tier=rate.tier, above_input_tokens=rate.above_input_tokens, kind=TOKEN_KINDS[rate.kind],
            tokens_per_month=many * month, usd_per_million_tokens=rate.usd_per_million_tokens, source=rate.source,
        )
        for rate, many in sorted(bill.tokens_of_all.items(), key=lambda each: _place(each[0]))
    ]  # fmt: skip


def _place(rate: TokenRate) -> tuple[str, str, int, int, Decimal]:
    return rate.model, rate.tier, rate.above_input_tokens, rate.kind, rate.usd_per_million_tokens or Decimal(0)
