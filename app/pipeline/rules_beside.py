"""The guides' rules of thumb beside a candidate's measured money: for reading, never for a gate."""

from decimal import Decimal

from app.costs.rules_of_thumb import OwnNumbers, rules_of_thumb
from app.domain.rules_of_thumb import RuleOfThumb
from app.pipeline.money import Money, candidate_usd, incumbent_usd, one_off_hours


def rules_beside(money: Money, available_rate: float | None) -> list[RuleOfThumb]:
    """Every rule with the pilot's own value.

    Args:
        money: What the closed days say of a month, as if all moved.
        available_rate: Share of mirrored requests that found the candidate in service.
    """
    cost, tokens = money.configuration.cost, money.tokens
    requests = money.requests * float(money.month) if money.month is not None else None
    is_rented = money.candidate is None
    own = OwnNumbers(
        tokens_per_month=tokens.input + tokens.output if tokens is not None else None,
        requests_per_month=requests,
        incumbent_usd_per_month=_number(incumbent_usd(money, None)),
        engineering_usd_per_month=_number(candidate_usd(money, None).parts.get("engineering hours")),
        other_usd_per_month=_number(cost.other_usd_per_month if cost is not None else None),
        hours_per_upgrade=cost.hours_per_upgrade if cost is not None else None,
        upgrades_per_year=cost.upgrades_per_year if cost is not None else None,
        one_off_hours=_number(one_off_hours(money)) or None,
        gpus=money.table.gpus_per_replica * int(money.stairs.at(1.0)) if is_rented else None,
        candidate_available_rate=available_rate,
    )
    return rules_of_thumb(own)


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
