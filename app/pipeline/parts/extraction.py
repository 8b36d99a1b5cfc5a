"""From the rows of a day to its part, by the same functions that make the scorecard of all rows."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from app.domain.evidence import ArmEvidence, Evidence, Floats, Numbers, ReplyColumns, codes
from app.domain.pilot import Pilot
from app.pipeline.closing import Selection
from app.pipeline.conversations import JUDGE, Conversations, PairValues, conversations_of, orders_of, pair_values, series_sums
from app.pipeline.coverage import pair_coverage
from app.pipeline.judged_sample import Sampling
from app.pipeline.operation import MEASURES, measured, on_time, times_of
from app.pipeline.parts.part import SIDES, ArmPart, DayPart, Key
from app.statistics.log_sketch import LogSketch
from app.statistics.sums import Sums

COVERAGE = "coverage/"
_MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """What a part is made of.

    Attributes:
        weights: Requests that each exchange stands for.
        at: The rows of the day that count.
        segment: The segment of the conversation of each of them, as its place in `segments`.
    """

    pilot: Pilot
    evidence: Evidence
    selection: Selection
    talks: Conversations
    weights: Floats
    day: int
    at: Numbers
    segment: Numbers
    segments: list[str]


def part_of(pilot: Pilot, evidence: Evidence, selection: Selection, weights: Floats, day: int, sampling: Sampling) -> DayPart:
    """The part of a day.

    Args:
        pilot: Its configuration.
        evidence: At least all exchanges of all conversations that have one on the day.
        selection: What of them counts.
        weights: Requests that each exchange stands for.
        day: Which.
        sampling: Which conversations a judge looks at.
    """
    rows = _rows(pilot, evidence, selection, weights, day)
    judged = sampling.judged(pilot, evidence, selection, rows.talks)
    own, weight = selection.days == day, weights[rows.at]
    _, minutes = np.unique(evidence.exchanges.arrived_us[rows.at] // _MINUTE_US, return_inverse=True)
    busiest = np.bincount(minutes, weights=weight)
    return DayPart(
        reasons=Counter(selection.reasons[own].tolist()),
        requests=float(weight.sum()),
        busiest_minute=float(busiest.max()) if len(busiest) else 0.0,
        arms={arm.name: _arm_part(rows, arm.name, judged) for arm in pilot.candidates},
    )


def with_later_days(
    part: DayPart, pilot: Pilot, evidence: Evidence, selection: Selection, day: int, sampling: Sampling
) -> DayPart:
    """The part of a day of which nothing changed but what later days say of its conversations.

    Args:
        part: As it was.
        pilot: Its configuration.
        evidence: At least what preferences rest on, of all exchanges of all conversations that have one on the day.
        selection: What of it counts.
        day: Which.
        sampling: Which conversations a judge looks at.
    """
    talks = conversations_of(evidence, selection)
    weighted, chosen = sampling.judged(pilot, evidence, selection, talks)
    arms = {}
    for name, before in part.arms.items():
        pairs = _pairs_begun(pilot, weighted, evidence.arms[name], chosen, talks, day)
        kept = Counter({what: number for what, number in before.counts.items() if what.startswith(COVERAGE)})
        arms[name] = replace(before, counts=kept + _pair_counts(pairs), sums=_sums(pairs, talks, weighted))
    return replace(part, arms=arms)


def _rows(pilot: Pilot, evidence: Evidence, selection: Selection, weights: Floats, day: int) -> _Rows:
    talks = conversations_of(evidence, selection)
    at = np.flatnonzero(selection.counted & (selection.days == day))
    segment, segments = codes(talks.segment_of_row[at])
    return _Rows(pilot, evidence, selection, talks, weights, day, at, segment, segments)


def _arm_part(rows: _Rows, name: str, judged: tuple[Evidence, Selection]) -> ArmPart:
    evidence, arm = rows.evidence, rows.evidence.arms[name]
    pairs = _pairs_begun(rows.pilot, judged[0], arm, judged[1], rows.talks, rows.day)
    captured = np.zeros(len(evidence.exchanges), dtype=bool)
    captured[rows.at] = True
    coverage = pair_coverage(evidence, name, arm, replace(rows.selection, captured=captured)).model_dump()
    return ArmPart(
        counts=Counter({f"{COVERAGE}{why}": number for why, number in coverage.items()}) + _pair_counts(pairs),
        failures=_failures(rows, arm),
        sums=_sums(pairs, rows.talks, judged[0]),
        times=_times(rows, arm),
        tokens=_tokens(rows, arm),
    )


def _pairs_begun(
    pilot: Pilot, evidence: Evidence, arm: ArmEvidence, selection: Selection, talks: Conversations, day: int
) -> PairValues:
    """The pairs of the conversations that began on the day."""
    began = np.where(talks.of_row >= 0, talks.days[talks.of_row], 0) if len(talks.days) else selection.days
    return pair_values(pilot.configuration, evidence, arm, replace(selection, counted=selection.counted & (began == day)))


def _sums(pairs: PairValues, talks: Conversations, evidence: Evidence) -> dict[Key, Sums]:
    found = series_sums(pairs, talks, 1.0 / evidence.exchanges.inclusion_probability)
    return {(segment, series): daily for segment, series, _, daily in found}


def _pair_counts(pairs: PairValues) -> Counter[str]:
    parsed = pairs.grades.where(~np.isnan(pairs.grades.values) & np.asarray(pairs.grades.graders == JUDGE, dtype=bool))
    one, other, both = orders_of(parsed, len(pairs.values))
    return Counter(
        {
            "pairs": int(pairs.counted.sum()),
            "ties": int(pairs.ties.sum()),
            "flips": int(pairs.flips.sum()),
            "both_orders": int(both.sum()),
            "same_winner": int((both & (one == other)).sum()),
            **{f"ungraded/{reason}": number for reason, number in pairs.ungraded.items()},
        }
    )


def _sides(rows: _Rows, arm: ArmEvidence) -> list[tuple[str, ReplyColumns]]:
    return list(zip(SIDES, (rows.evidence.incumbent, arm.replies), strict=True))


def _failures(rows: _Rows, arm: ArmEvidence) -> Counter[Key]:
    """Over exchanges of which the candidate was asked, as in the scorecard."""
    found: Counter[Key] = Counter()
    asked = arm.replies.is_there[rows.at]
    for side, replies in _sides(rows, arm):
        for segment, number in zip(rows.segments, _count(rows.segment[asked], len(rows.segments)), strict=True):
            found[side, segment, ""] += number
        chosen = asked & replies.failed[rows.at]
        kind, kinds = codes(replies.failures[rows.at[chosen]])
        cells = _count(rows.segment[chosen] * len(kinds) + kind, len(rows.segments) * len(kinds))
        for cell, number in enumerate(cells):
            found[side, rows.segments[cell // len(kinds)], kinds[cell % len(kinds)]] += number
    return +found


def _count(cells: Numbers, size: int) -> list[int]:
    counts: list[int] = np.bincount(cells, minlength=size).tolist()
    return counts


def _times(rows: _Rows, arm: ArmEvidence) -> dict[Key, LogSketch]:
    found: dict[Key, LogSketch] = {}
    for side, replies in _sides(rows, arm):
        usable = (measured(replies, rows.pilot.configuration) & on_time(replies))[rows.at]
        for measure in MEASURES:
            times = times_of(replies, measure)[rows.at]
            known = usable & ~np.isnan(times)
            for number, segment in enumerate(rows.segments):
                chosen = known & (rows.segment == number)
                if chosen.any():
                    found[side, segment, measure] = LogSketch.of(times[chosen])
    return found


def _tokens(rows: _Rows, arm: ArmEvidence) -> dict[Key, tuple[float, ...]]:
    found: dict[Key, tuple[float, ...]] = {}
    for side, replies in _sides(rows, arm):
        usable = (replies.is_there & ~np.isnan(replies.input_tokens) & ~np.isnan(replies.output_tokens))[rows.at]
        at = rows.at[usable]
        model, models = codes(replies.models[at])
        cell = rows.segment[usable] * max(1, len(models)) + model
        cached = np.nan_to_num(replies.cached_input_tokens[at])
        columns = (np.ones(len(at)), replies.input_tokens[at], cached, replies.output_tokens[at])
        sums = [np.bincount(cell, weights=column * rows.weights[at]) for column in columns]
        for number in np.unique(cell).tolist():
            key = (side, rows.segments[number // len(models)], models[number % len(models)])
            found[key] = tuple(float(column[number]) for column in sums)
    return found
