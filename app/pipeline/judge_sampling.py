"""What is judged where the budget covers a part: shares by segment and week, whole conversations, drawn by hash."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from app.costs.prices import Prices, cost_usd
from app.domain.draws import is_drawn
from app.domain.exchange import Usage
from app.domain.grading import PairKey, Settlement
from app.domain.judge_sample import LEAST_SHARE, JudgeShare, judging_point
from app.domain.pilot import DAY, Pilot
from app.domain.registered import RegisteredPlan
from app.domain.words import Rule
from app.store.grades import BEFORE_ALL, save_settlements
from app.store.judge_shares import (
    Stratum,
    WaitingPair,
    add_shares,
    has_left_out,
    judged_so_far,
    read_shares,
    waiting_pairs,
    waiting_strata,
)
from app.store.session import SessionFactory, session_scope

NOT_DRAWN = "not_drawn"
WEEK = timedelta(days=7)
# Both orders of a decisive pair: most pairs are decisive, and some answers are asked for again.
CALLS_A_PAIR = 2
OUTPUT_TOKENS = 300
INSTRUCTION_TOKENS = 500
CHARS_PER_TOKEN = 3
# Fewer judged pairs say little of what the next ones cost.
LEAST_JUDGED = 50
# Not planned with: estimates of cost are not exact, and a purse that is empty early leaves out whole days.
KEPT_BACK = Decimal("0.05")
PAIRS_A_TRANSACTION = 20_000


@dataclass(frozen=True, slots=True)
class Means:
    """The money that is left, and what asking costs.

    Attributes:
        version: Of the judge.
        budget_usd: In all.
        spent_usd: So far.
        prices: Of the judge's tokens.
        usd_a_day: Most that one day may cost; `None` = no such bound.
    """

    version: str
    budget_usd: Decimal
    spent_usd: Decimal
    prices: Prices
    usd_a_day: Decimal | None = None

    def left_usd(self, pilot: Pilot, now: datetime) -> Decimal:
        """What can still be spent, less what is kept back; of a pilot that runs, no more than its days allow."""
        left = self.budget_usd * (1 - KEPT_BACK) - self.spent_usd
        if self.usd_a_day is None or pilot.ends_at is None or pilot.ends_at <= now:
            return left
        return min(left, self.usd_a_day * math.ceil((pilot.ends_at - now) / DAY))


@dataclass(frozen=True, slots=True)
class Demand:
    """One stratum that is decided on: how many pairs it has or will have, and what one costs.

    `drawn` is the share that it has already, where there is more money now: the pairs are those that were left out.
    """

    segment: str
    week: date
    pairs: int
    usd_a_pair: Decimal
    label_probability: float = 0.0
    drawn: float = 0.0

    @property
    def usd(self) -> Decimal:
        """What judging all of it costs."""
        return self.usd_a_pair * self.pairs


def decide_shares(session_factory: SessionFactory, pilot: Pilot, plan: RegisteredPlan, means: Means, *, now: datetime) -> None:
    """Decides for each stratum that has none yet which share of its conversations is judged.

    Everything while the money reaches for all that waits and for what is still to come; else the money is shared out by the
    square root of each stratum's size, so that small segments are not the first to become unknown. Where all that was left
    out waits again, for a grading was asked for, its share may grow: what was drawn stays drawn.

    Args:
        session_factory: Where pairs and shares are.
        pilot: Whose.
        plan: Conversations that people are asked about are judged in any case.
        means: Money and prices.
        now: Weeks that are not over are expected to be as long as the last one, or as planned.
    """
    if not cost_usd(Usage(input_tokens=1, output_tokens=1), means.prices):
        _judge_all(session_factory, pilot, means.version)  # what costs nothing is never short
        return
    with session_scope(session_factory) as session:
        strata = waiting_strata(session, pilot.id, pilot.incumbent.id)
        known = read_shares(session, pilot.id, means.version)
        judged, usd = judged_so_far(session, pilot.id, means.version)
        prices = {(each.segment, each.week): _usd_a_pair(each, means.prices) for each in strata}
        if judged >= LEAST_JUDGED:
            prices = dict.fromkeys(prices, usd / judged)
        demands = _demands(pilot, plan, strata, known, prices, now)
        again = [] if has_left_out(session, pilot.id, NOT_DRAWN) else _again(plan, strata, known, prices)
        if not (demands or again):
            return
        growing = {(demand.segment, demand.week) for demand in again}
        fixed = [share for share in known if (share.segment, share.week) not in growing]
        left = means.left_usd(pilot, now) - _promised(strata, fixed, prices)
        demands += again if left > 0 else []
        if not demands:
            return
        coming = _coming(pilot, demands, known, now)
        add_shares(session, pilot.id, shares_of(demands, left=left, coming=coming, version=means.version))


def _judge_all(session_factory: SessionFactory, pilot: Pilot, version: str) -> None:
    """Shares that were decided while the judge still cost something grow to all."""
    with session_scope(session_factory) as session:
        partly = [share for share in read_shares(session, pilot.id, version) if share.share < 1]
        add_shares(session, pilot.id, [replace(share, share=1.0) for share in partly])


def shares_of(demands: Sequence[Demand], *, left: Decimal, coming: Decimal, version: str) -> list[JudgeShare]:
    """The share of each stratum.

    Args:
        demands: Strata to be decided on.
        left: Dollars that are not promised yet.
        coming: What judging all pairs of weeks to come is expected to cost.
        version: Of the judge.
    """
    wanted = sum((demand.usd for demand in demands), Decimal(0))
    if wanted + coming <= left or not wanted:
        return [_share(demand, 1.0, version) for demand in demands]
    money = max(Decimal(0), left) * wanted / (wanted + coming)
    level = _level(demands, float(money))
    return [_share(demand, _of_level(demand, level), version) for demand in demands]


def leave_out_undrawn(session_factory: SessionFactory, pilot: Pilot, plan: RegisteredPlan, version: str) -> int:
    """Settles waiting pairs of conversations that are drawn neither for the judge nor for people; gives their number."""
    with session_factory() as session:
        shares = {(each.segment, each.week): each.share for each in read_shares(session, pilot.id, version) if each.share < 1}
    after, left_out = BEFORE_ALL, 0
    while shares:
        with session_scope(session_factory) as session:
            pairs = waiting_pairs(session, pilot.id, list(shares), after=after, limit=PAIRS_A_TRANSACTION)
            undrawn = [pair for pair in pairs if not _is_drawn(pilot, plan, pair, shares)]
            save_settlements(session, [_undrawn(pair) for pair in undrawn])
        left_out += len(undrawn)
        if len(pairs) < PAIRS_A_TRANSACTION:
            break
        after = pairs[-1].key
    return left_out


def _is_drawn(pilot: Pilot, plan: RegisteredPlan, pair: WaitingPair, shares: Mapping[tuple[str, date], float]) -> bool:
    if judging_point(pilot.name, pair.conversation) < shares[pair.segment, pair.week]:
        return True
    return is_drawn(plan.seed, pair.conversation, plan.label_probability.get(pair.segment, 0.0))


def _undrawn(pair: WaitingPair) -> Settlement:
    # Noted as unasked, so that it is looked at again when a grading is asked for.
    return Settlement(PairKey(*pair.key), Rule.GRADER, ungraded=NOT_DRAWN, facts=pair.facts | {"unasked": NOT_DRAWN})


def _usd_a_pair(stratum: Stratum, prices: Prices) -> Decimal:
    texts = stratum.input_tokens + stratum.reply_chars / CHARS_PER_TOKEN + INSTRUCTION_TOKENS
    usage = Usage(input_tokens=math.ceil(texts), output_tokens=OUTPUT_TOKENS)
    return (cost_usd(usage, prices) or Decimal(0)) * CALLS_A_PAIR


def _demands(
    pilot: Pilot,
    plan: RegisteredPlan,
    strata: Sequence[Stratum],
    known: Sequence[JudgeShare],
    prices: Mapping[tuple[str, date], Decimal],
    now: datetime,
) -> list[Demand]:
    decided = {(share.segment, share.week) for share in known}
    new = [stratum for stratum in strata if (stratum.segment, stratum.week) not in decided]
    return [
        Demand(
            stratum.segment,
            stratum.week,
            max(stratum.pairs, _expected(pilot, stratum, strata, known, now)),
            prices[stratum.segment, stratum.week],
            _people(plan, stratum.segment),
        )
        for stratum in new
    ]


def _again(
    plan: RegisteredPlan,
    strata: Sequence[Stratum],
    known: Sequence[JudgeShare],
    prices: Mapping[tuple[str, date], Decimal],
) -> list[Demand]:
    partly = {(share.segment, share.week): share.share for share in known if share.share < 1}
    return [
        Demand(each.segment, each.week, each.pairs, prices[key], _people(plan, each.segment), partly[key])
        for each in strata
        if (key := (each.segment, each.week)) in partly
    ]


def _people(plan: RegisteredPlan, segment: str) -> float:
    return plan.label_probability.get(segment, 0.0) if plan.seed else 0.0


def _expected(pilot: Pilot, stratum: Stratum, strata: Sequence[Stratum], known: Sequence[JudgeShare], now: datetime) -> int:
    """How many pairs a week that is not over will have: as many as the last one, or its part of what was planned."""
    if _ends(stratum.week) <= now:
        return 0
    last = stratum.week - WEEK
    before = [share.pairs_expected for share in known if (share.segment, share.week) == (stratum.segment, last)]
    before += [each.pairs for each in strata if (each.segment, each.week) == (stratum.segment, last)]
    if before:
        return max(before)
    segments = len({each.segment for each in strata})
    table = pilot.configuration.pilot
    return math.ceil(table.planned_conversations * len(pilot.candidates) * WEEK.days / table.days / segments)


def _promised(strata: Sequence[Stratum], known: Sequence[JudgeShare], prices: Mapping[tuple[str, date], Decimal]) -> Decimal:
    """What judging the drawn part of waiting pairs costs whose share is decided."""
    share_of = {(share.segment, share.week): share.share for share in known}
    return sum(
        (
            prices[key] * stratum.pairs * Decimal(str(share_of[key]))
            for stratum in strata
            if (key := (stratum.segment, stratum.week)) in share_of
        ),
        Decimal(0),
    )


def _coming(pilot: Pilot, demands: Sequence[Demand], known: Sequence[JudgeShare], now: datetime) -> Decimal:
    """What the weeks of the pilot that have not begun are expected to cost: each as much as the dearest week so far."""
    ends_at = pilot.ends_at
    if ends_at is None or ends_at <= now:
        return Decimal(0)
    by_week: dict[date, Decimal] = {}
    for each in (*((d.week, d.usd) for d in demands), *((s.week, s.usd_expected) for s in known)):
        by_week[each[0]] = by_week.get(each[0], Decimal(0)) + each[1]
    last = max(by_week)
    weeks = max(0, math.ceil((ends_at - _ends(last)) / WEEK))
    return max(by_week.values()) * weeks


def _ends(week: date) -> datetime:
    return datetime(week.year, week.month, week.day, tzinfo=UTC) + WEEK


def _level(demands: Sequence[Demand], money: float) -> float:
    """The level at which shares of `level / √pairs` cost the money."""
    low, high = 0.0, max(math.sqrt(demand.pairs) for demand in demands)
    for _ in range(100):
        middle = (low + high) / 2
        cost = sum(min(1.0, middle / math.sqrt(demand.pairs)) * float(demand.usd) for demand in demands)
        low, high = (middle, high) if cost <= money else (low, middle)
    return low


def _of_level(demand: Demand, level: float) -> float:
    """The judge's share where people's draws are judged besides."""
    wanted = min(1.0, level / math.sqrt(demand.pairs))
    people = 0.0 if demand.drawn else demand.label_probability
    share = (wanted - people) / (1 - people) if people < 1 else 0.0
    return max(0.0 if demand.drawn else LEAST_SHARE, share)


def _share(demand: Demand, share: float, version: str) -> JudgeShare:
    usd = demand.usd.quantize(Decimal("0.00000001"))
    whole = demand.drawn + (1 - demand.drawn) * share
    return JudgeShare(version, demand.segment, demand.week, whole, demand.pairs, usd)
