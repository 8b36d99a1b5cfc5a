"""The split as the scorecard shows it: each kind of work, blended cost and quality, and what fewer kinds would save."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from app.domain.estimate_models import EstimateModel, MoneyEstimate
from app.domain.evidence import Flags, Floats, Words, codes
from app.domain.scorecard import SegmentModel
from app.domain.split import FrontierPoint, KindModel, SplitModel, SplitSegment
from app.domain.words import GateOutcome, Outcome
from app.pipeline.money import candidate_usd, incumbent_usd, saving_usd
from app.pipeline.ruling import Case
from app.pipeline.split import Choice, Segments, frontier_of
from app.pipeline.split_words import names_of

PAR = 0.5
ERROR = 0.05
METHOD = "sum_of_intervals"
_NOT_MOVING = {
    GateOutcome.FAILS: "its quality fails",
    GateOutcome.UNKNOWN: "its quality is not known yet",
    GateOutcome.NOT_REQUIRED: "it is not registered, so it has no say",
}


@dataclass(frozen=True, slots=True)
class Kinds:
    """Kinds of requests that nobody registered, and what to do about those that hold."""

    by_turn: tuple[KindModel, ...] = ()
    by_prompt_length: tuple[KindModel, ...] = ()
    suggestions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Facts:
    case: Case
    choice: Choice
    outcome: Outcome
    requests: Mapping[str, float]

    @property
    def moved(self) -> Segments:
        return self.choice.moved

    def share(self, segments: Segments) -> float | None:
        total = sum(self.requests.values())
        return sum(self.requests.get(name, 0.0) for name in segments) / total if total else None

    def saving(self, segments: Segments) -> Decimal | None:
        return saving_usd(self.case.money, segments)


def requests_by_segment(segment_of_row: Words, counted: Flags, weights: Floats) -> dict[str, float]:
    """Production requests of each segment on the closed days."""
    segments, names = codes(segment_of_row[counted])
    sums = np.bincount(segments, weights=weights[counted], minlength=len(names))
    return dict(zip(names, sums.tolist(), strict=True))


def split_of(case: Case, outcome: Outcome, requests: Mapping[str, float], kinds: Kinds) -> SplitModel:
    """The best split as of now, whatever the verdict is.

    Args:
        case: The candidate's.
        outcome: Of its verdict.
        requests: Of each segment on the closed days, by `requests_by_segment`.
        kinds: Turns and prompt lengths.
    """
    facts = _Facts(case, case.best_split(case.passing), outcome, requests)
    moved = facts.moved
    return SplitModel(
        moved=sorted(moved),
        stays=[name for name in case.quality.segments if name not in moved],
        left_out=sorted(case.passing - moved),
        is_verdict=outcome is Outcome.HYBRID,
        words=_words(facts),
        segments=list(_segments(facts)),
        moved_share_of_requests=facts.share(moved) if moved else None,
        blended_win_rate=_blended_win_rate(facts),
        frontier=[
            FrontierPoint(moved=sorted(part), saving_usd_per_month=saved, share_of_requests=facts.share(part))
            for part, saved in frontier_of(case.passing, case.gates.saving_usd)
        ],
        by_turn=list(kinds.by_turn),
        by_prompt_length=list(kinds.by_prompt_length),
        suggestions=list(kinds.suggestions),
        **_blended_cost(facts),
    )


def _blended_cost(facts: _Facts) -> dict[str, MoneyEstimate]:
    """What all traffic costs with the split: the two parts add up to the whole."""
    now, moved = incumbent_usd(facts.case.money, None), facts.moved
    saving = facts.saving(moved) if moved else None
    blended = now - saving if now is not None and saving is not None else None
    return {
        "incumbent_usd_per_month": _point(now),
        "blended_usd_per_month": _point(blended),
        "saving_usd_per_month": _point(saving),
    }


def _blended_win_rate(facts: _Facts) -> EstimateModel:
    """Each moved kind by its requests, what stays as a tie with itself; both ends hold unless one of the intervals misses."""
    rates = {name: deciding(facts.case.quality.segments[name]) for name in sorted(facts.moved)}
    total = sum(facts.requests.values())
    if not rates or not total:
        return EstimateModel()
    shares = {name: facts.requests.get(name, 0.0) / total for name in rates}
    stays = PAR * (1.0 - sum(shares.values()))

    def blended(end: str) -> float | None:
        ends: dict[str, float | None] = {name: getattr(rate, end) for name, rate in rates.items()}
        known = {name: value for name, value in ends.items() if value is not None}
        if len(known) < len(ends):
            return None
        return min(1.0, max(0.0, stays + sum(shares[name] * value for name, value in known.items())))

    return EstimateModel(
        value=blended("value"),
        low=blended("low"),
        high=blended("high"),
        n=sum(rate.n for rate in rates.values()),
        method=METHOD,
        confidence=max(0.0, round(1.0 - ERROR * len(rates), 6)),
    )


def deciding(segment: SegmentModel) -> EstimateModel:
    """The win rate that a kind of work is decided on."""
    return segment.win_rate_human_corrected if segment.rests_on == "corrected" else segment.win_rate


def _segments(facts: _Facts) -> Iterator[SplitSegment]:
    case, moved, month = facts.case, facts.moved, facts.case.money.month
    for name, segment in case.quality.segments.items():
        alone: Segments = frozenset({name})
        requests = facts.requests.get(name, 0.0)
        yield SplitSegment(
            name=name,
            moves=name in moved,
            why=_why(facts, name, segment),
            requests_per_month=requests * float(month) if month is not None else None,
            share_of_requests=facts.share(alone),
            win_rate=deciding(segment),
            incumbent_usd_per_month=_point(incumbent_usd(case.money, alone)),
            candidate_usd_per_month=_point(candidate_usd(case.money, alone).usd),
            saving_alone_usd_per_month=_point(facts.saving(alone)),
            saving_beside_usd_per_month=_point(_beside(facts, alone)),
        )


def _beside(facts: _Facts, alone: Segments) -> Decimal | None:
    """What its moving adds to what else moves; where nothing else does, all that it saves."""
    rest = facts.moved - alone
    with_it = facts.saving(rest | alone)
    without = facts.saving(rest) if rest else Decimal(0)
    return with_it - without if with_it is not None and without is not None else None


def _why(facts: _Facts, name: str, segment: SegmentModel) -> str:
    if name not in facts.case.passing:
        return _NOT_MOVING[segment.outcome if segment.registered else GateOutcome.NOT_REQUIRED]
    if name in facts.moved:
        return "its quality passes"
    return "its quality passes, but more is saved if it stays" if _saves_more(facts) else "another condition fails with it"


def _saves_more(facts: _Facts) -> bool:
    saved, all_saved = facts.saving(facts.moved), facts.saving(facts.case.passing)
    return saved is not None and all_saved is not None and saved > all_saved


def _words(facts: _Facts) -> str:
    case, moved = facts.case, facts.moved
    if not moved:
        return "No registered kind of work passes quality, so no part of the traffic may move alone."
    names = names_of(moved)
    if facts.outcome is Outcome.HYBRID:
        return f"{names} may move; everything else stays with the incumbent."
    if facts.outcome is Outcome.MIGRATE:
        whole, part = saving_usd(case.money, None), facts.saving(moved)
        more = part - whole if part is not None and whole is not None else Decimal(0)
        if more > 0:
            return f"All of it may move. If only {names} moved, {more:,.2f} US dollars a month more would be saved."
        return f"All of it may move. The best part of it, if not all shall, is {names}."
    if not facts.choice.passes:
        return f"Nothing moves. Quality passes in {names}, but another condition does not pass for what would move."
    return f"Nothing moves yet. As of now the part that could move is {names}."


def _point(usd: Decimal | None) -> MoneyEstimate:
    return MoneyEstimate(value=usd, method="point" if usd is not None else "none")
