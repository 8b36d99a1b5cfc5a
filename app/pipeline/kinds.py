"""Turns and prompt lengths at which the candidate holds, and what they cost: descriptive, for the next pilot's segments."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from app.costs.token_bill import MOST_UNCOUNTED, TokenBill
from app.domain.estimate_models import MoneyEstimate
from app.domain.evidence import ArmEvidence, Evidence, Flags, Floats, Numbers, ReplyColumns
from app.domain.groups import GroupModel
from app.domain.split import KindModel, SplitModel
from app.domain.words import Outcome
from app.pipeline.closing import Selection
from app.pipeline.conversations import Conversations
from app.pipeline.groups import LENGTH_NAMES, TURN_NAMES, UNKNOWN, Groups
from app.pipeline.money import Money
from app.pipeline.ruling import Case
from app.pipeline.split_figures import Kinds, requests_by_segment, split_of
from app.pipeline.split_words import names_of

_CENT = Decimal("0.01")


def split_model_of(
    case: Case,
    outcome: Outcome,
    groups: Groups,
    evidence: Evidence,
    selection: Selection,
    talks: Conversations,
    weights: Floats,
) -> SplitModel:
    """The split as the scorecard shows it; `outcome` is the verdict's."""
    requests = requests_by_segment(talks.segment_of_row, selection.counted, weights)
    return split_of(case, outcome, requests, kinds_of(groups, case.money, evidence, case.name, selection, weights))


def kinds_of(groups: Groups, money: Money, evidence: Evidence, name: str, selection: Selection, weights: Floats) -> Kinds:
    """Both tables with the tokens of each kind, and what they suggest.

    Args:
        groups: Win rates by turn and by prompt length.
        money: Prices, and by what the closed days are multiplied.
        evidence: All.
        name: The candidate's.
        selection: What counts.
        weights: How many production requests each exchange stands for.
    """
    arm = evidence.arms[name]
    bills = _bills(money, evidence, arm, selection)
    tables = [
        _with_money(found, names, place, bills, money, selection.counted, weights)
        for found, names, place in zip(
            (groups.by_turn, groups.by_prompt_length), (TURN_NAMES, LENGTH_NAMES), groups.places, strict=True
        )
    ]
    words = [suggestion(what, table) for what, table in zip(("turns", "prompts (input tokens)"), tables, strict=True)]
    return Kinds(tables[0], tables[1], tuple(said for said in words if said))


PLAIN_NAMES = {
    "1": "the first turn", "2-3": "turns 2 and 3", "4-6": "turns 4 to 6", "7+": "turns from 7 on",
    "<500": "under 500 tokens", "500-2k": "500 to 2,000 tokens",
    "2k-8k": "2,000 to 8,000 tokens", "8k+": "8,000 tokens and up",
}  # fmt: skip


def suggestion(what: str, table: Sequence[KindModel]) -> str:
    """What to register for the next pilot, where some kinds hold and others do not."""
    known = [kind for kind in table if kind.name != UNKNOWN]
    holding = [kind for kind in known if kind.holds]
    if not holding or len(holding) == len(known):
        return ""
    names = names_of(PLAIN_NAMES.get(kind.name, kind.name) for kind in holding)
    amounts = [kind.incumbent_usd_per_month.value for kind in holding]
    known_amounts = [amount for amount in amounts if amount is not None]
    billed = ""
    if len(known_amounts) == len(amounts):
        billed = f" The incumbent bills {sum(known_amounts, Decimal(0)):,.2f} US dollars a month for them."
    return (
        f"Of {what} the candidate holds at {names} and is not shown to hold at the rest. Nobody registered them, so nothing "
        f"moves by it: name them as a [[segment]] of their own in the next pilot.{billed}"
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Costs:
    """One arm's cost of each row, 0 where it failed; NaN where it was not asked, or nobody counted or priced the reply."""

    usd: Floats
    lacking: Flags


def _costs(replies: ReplyColumns, counted: Flags, usd_by_row: Floats) -> _Costs:
    usd = np.where(counted & replies.is_there & ~replies.answered, 0.0, usd_by_row)
    return _Costs(usd, counted & replies.answered & np.isnan(usd))


def _bills(money: Money, evidence: Evidence, arm: ArmEvidence, selection: Selection) -> tuple[_Costs | None, _Costs | None]:
    """What each row costs the incumbent, and the candidate if it is paid by the token; `None` = nobody reckoned it.

    An arm whose whole bill says nothing, as too much of it is estimated, has no amount for any kind either.
    """
    if money.usd_by_row is None:
        return None, None
    before, after = money.usd_by_row
    if sum(money.incumbent.values(), TokenBill()).needs_invoice:
        before = np.full_like(before, np.nan)
    if after is not None and sum((money.candidate or {}).values(), TokenBill()).needs_invoice:
        after = np.full_like(after, np.nan)
    paid = _costs(arm.replies, selection.counted, after) if after is not None else None
    return _costs(evidence.incumbent, selection.counted, before), paid


def _with_money(
    found: Sequence[GroupModel],
    names: Sequence[str],
    place: Numbers,
    bills: tuple[_Costs | None, _Costs | None],
    money: Money,
    counted: Flags,
    weights: Floats,
) -> tuple[KindModel, ...]:
    before, after = (None if costs is None else _by_group(costs, place, counted, weights, len(names) + 1) for costs in bills)
    kinds = []
    for group in found:
        number = (*names, UNKNOWN).index(group.name)
        billed = _month(before, number, money)
        asked = _month(after, number, money) if after is not None else Decimal(0)
        saved = billed - asked if billed is not None and asked is not None else None
        kinds.append(
            KindModel(
                name=group.name,
                conversations=group.conversations,
                win_rate=group.win_rate,
                bound=group.bound,
                holds=group.holds,
                incumbent_usd_per_month=_point(billed),
                saving_tokens_usd_per_month=_point(saved),
            )
        )
    return tuple(kinds)


def _by_group(costs: _Costs, place: Numbers, counted: Flags, weights: Floats, size: int) -> Floats:
    """Dollars of each group: those of the known rows, scaled to all of them; NaN where too few are known."""

    def added(rows: Flags, values: Floats) -> Floats:
        return np.asarray(np.bincount(place[rows], weights=values[rows], minlength=size), dtype=np.float64)

    known = counted & ~np.isnan(costs.usd)
    usd, seen, every = added(known, costs.usd * weights), added(known, weights), added(counted, weights)
    too_few = added(costs.lacking, weights) > float(MOST_UNCOUNTED) * every
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(too_few | (seen == 0), np.nan, usd * every / seen), dtype=np.float64)


def _month(sums: Floats | None, number: int, money: Money) -> Decimal | None:
    if sums is None or np.isnan(sums[number]) or money.month is None:
        return None
    return (Decimal(repr(float(sums[number]))) * money.month).quantize(_CENT)


def _point(usd: Decimal | None) -> MoneyEstimate:
    return MoneyEstimate(value=usd, method="point" if usd is not None else "none")
