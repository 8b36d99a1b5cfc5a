"""The conversations that count for quality where a judge looks at a part, and what each of them stands for."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from app.domain.draws import is_drawn
from app.domain.evidence import Evidence, Flags, Floats, Numbers
from app.domain.judge_sample import JudgeShare, JudgeShareModel, chance_of_judging, judging_point
from app.domain.pilot import Pilot
from app.domain.registered import RegisteredPlan
from app.pipeline.closing import Selection
from app.pipeline.conversations import Conversations

_DAY_US = 86_400_000_000
# The Monday before 1970.
_FIRST_MONDAY = date(1969, 12, 29)
_DAYS_BEFORE_1970 = 3
_WEEK_DAYS = 7

Stratum = tuple[str, date]


@dataclass(frozen=True, slots=True, eq=False)
class JudgedSample:
    """Which conversations are looked at, drawn before any was judged.

    Attributes:
        is_drawn: By conversation.
        chance: Of each conversation to be looked at, in (0, 1].
        shares: What was decided, with what came of it.
    """

    is_drawn: Flags
    chance: Floats
    shares: tuple[JudgeShareModel, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader has to know of it."""
        there, drawn = (sum(getattr(share, name) for share in self.shares) for name in ("conversations", "drawn"))
        if not there:
            return ()
        least = min(share.share for share in self.shares)
        return (
            f"the judge's budget does not reach for everything: of {there:,} conversations of its weeks and segments {drawn:,} "
            f"were drawn by hash before any was judged (least share {least:.0%}); each weighs 1 / its chance in every estimate",
        )

    def of(self, evidence: Evidence, selection: Selection, talks: Conversations) -> tuple[Evidence, Selection]:
        """The evidence and the selection that estimates of quality rest on: each drawn conversation weighs 1 / its chance."""
        if not self.shares:
            return evidence, selection
        inside = talks.of_row >= 0
        drawn = np.zeros(len(talks.of_row), dtype=bool)
        chance = np.ones(len(talks.of_row))
        drawn[inside], chance[inside] = self.is_drawn[talks.of_row[inside]], self.chance[talks.of_row[inside]]
        exchanges = replace(
            evidence.exchanges, inclusion_probability=evidence.exchanges.inclusion_probability * chance
        )  # fmt: skip
        return replace(evidence, exchanges=exchanges), replace(selection, counted=selection.counted & drawn)


@dataclass(frozen=True, slots=True, eq=False)
class Sampling:
    """What was decided on which conversations a judge looks at."""

    plan: RegisteredPlan
    shares: Sequence[JudgeShare] = ()

    def judged(
        self, pilot: Pilot, evidence: Evidence, selection: Selection, talks: Conversations
    ) -> tuple[Evidence, Selection]:
        """See `JudgedSample.of`."""
        return sample_of(pilot, self.plan, self.shares, evidence, talks).of(evidence, selection, talks)


def sample_of(
    pilot: Pilot, plan: RegisteredPlan, shares: Sequence[JudgeShare], evidence: Evidence, talks: Conversations
) -> JudgedSample:
    """The sample that was decided on; everything where no share is below 1.

    Args:
        pilot: Its name is what the draws are made from.
        plan: Conversations that are drawn for people are judged in any case.
        shares: By segment and week.
        evidence: Names and arrivals.
        talks: Conversations that count.
    """
    by_stratum = {(share.segment, share.week): share for share in shares}
    size = len(talks.days)
    is_in, chance = np.ones(size, dtype=bool), np.ones(size)
    if all(share.share >= 1 for share in shares):
        return JudgedSample(is_in, chance)
    names = _names(evidence, talks)
    strata = list(zip(talks.segments.tolist(), _weeks(evidence, talks), strict=True))
    for number, stratum in enumerate(strata):
        share = by_stratum[stratum].share if stratum in by_stratum else 1.0
        if share < 1:
            people = plan.label_probability.get(stratum[0], 0.0) if plan.seed else 0.0
            name = names[number]
            is_in[number] = judging_point(pilot.name, name) < share or is_drawn(plan.seed, name, people)
            chance[number] = chance_of_judging(share, people)
    return JudgedSample(is_in, chance, _models(shares, strata, is_in))


def _models(shares: Sequence[JudgeShare], strata: Sequence[Stratum], is_in: Flags) -> tuple[JudgeShareModel, ...]:
    there, drawn = Counter(strata), Counter(stratum for stratum, chosen in zip(strata, is_in, strict=True) if chosen)
    return tuple(
        JudgeShareModel(
            segment=share.segment,
            week=share.week,
            share=share.share,
            conversations=there[share.segment, share.week],
            drawn=drawn[share.segment, share.week],
            usd_expected=share.usd_expected,
        )
        for share in shares
    )


def _names(evidence: Evidence, talks: Conversations) -> list[str]:
    rows = np.flatnonzero(talks.of_row >= 0)
    names = np.full(len(talks.days), "", dtype=object)
    names[talks.of_row[rows]] = evidence.exchanges.conversations[rows]
    return [str(name) for name in names]


def _weeks(evidence: Evidence, talks: Conversations) -> list[date]:
    """The Monday of the week (UTC) of each conversation's first exchange."""
    rows = np.flatnonzero(talks.of_row >= 0)
    first: Numbers = np.full(len(talks.days), np.iinfo(np.int64).max, dtype=np.int64)
    np.minimum.at(first, talks.of_row[rows], evidence.exchanges.arrived_us[rows])
    weeks = (first // _DAY_US + _DAYS_BEFORE_1970) // _WEEK_DAYS
    mondays = {week: _FIRST_MONDAY + timedelta(days=_WEEK_DAYS * week) for week in set(weeks.tolist())}
    return [mondays[week] for week in weeks.tolist()]
