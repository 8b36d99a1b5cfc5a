"""The guides' rules of thumb beside a candidate's measured money: for reading, never for a gate."""

from decimal import Decimal

from app.costs.rules_of_thumb import OwnNumbers, rules_of_thumb
from app.domain.rules_of_thumb import RuleOfThumb
from app.pipeline.money import (
    Money,
    candidate_usd,
    given_upkeep,
    incumbent_usd,
    one_off_hours,
    requests_a_month,
    upkeep_hours,
)


def rules_beside(money: Money, available_rate: float | None) -> list[RuleOfThumb]:
    """Every rule with the pilot's own value.

    Args:
        money: What the closed days say of a month, as if all moved.
        available_rate: Share of mirrored requests that found the candidate in service.
    """
    cost, tokens = money.configuration.cost, money.tokens
    is_rented, one_off, upkeep = money.candidate is None, _number(one_off_hours(money)) or None, _upkeep(money)
    own = OwnNumbers(
        tokens_per_month=tokens.input + tokens.output if tokens is not None else None,
        requests_per_month=_number(requests_a_month(money)),
        incumbent_usd_per_month=_number(incumbent_usd(money, None)),
        engineering_usd_per_month=_number(candidate_usd(money, None).parts.get("engineering hours"))
        if upkeep is not None
        else None,
        other_usd_per_month=_number(cost.other_usd_per_month if cost is not None else None),
        hours_per_upgrade=cost.hours_per_upgrade if cost is not None else None,
        upgrades_per_year=cost.upgrades_per_year if cost is not None else None,
        one_off_hours=one_off,
        first_share=_first_share(upkeep, one_off, cost.horizon_months if cost is not None else None),
        gpus=money.table.gpus_per_replica * int(money.stairs.at(1.0)) if is_rented else None,
        candidate_available_rate=available_rate,
    )
    return rules_of_thumb(own)


def _upkeep(money: Money) -> float | None:
    """Hours a month that were logged or reckoned with; that nobody said any is no zero here."""
    return _number(upkeep_hours(money)) if money.upkeep is not None or given_upkeep(money) is not None else None


def _first_share(upkeep: float | None, one_off: float | None, months: int | None) -> float | None:
    """One-off hours over all hours until the horizon; unknown where either kind is."""
    return None if upkeep is None or one_off is None or months is None else one_off / (one_off + upkeep * months)


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
