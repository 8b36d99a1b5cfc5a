"""From the rows of a day to its part, by the same functions that make the scorecard of all rows."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from app.domain.evidence import ArmEvidence, Evidence, Flags, Floats, ReplyColumns, codes
from app.domain.pilot import Pilot
from app.pipeline.closing import Selection
from app.pipeline.conversations import JUDGE, Conversations, PairValues, conversations_of, orders_of, pair_values, series_sums
from app.pipeline.coverage import pair_coverage
from app.pipeline.operation import MEASURES, measured, on_time, times_of
from app.pipeline.parts.part import SIDES, ArmPart, DayPart, Key
from app.statistics.log_sketch import LogSketch

_MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The rows of a day that count, and the conversations that began on it."""

    pilot: Pilot
    evidence: Evidence
    selection: Selection
    talks: Conversations
    weights: Floats
    day: int
    counted: Flags


def part_of(pilot: Pilot, evidence: Evidence, selection: Selection, weights: Floats, day: int) -> DayPart:
    """The part of a day.

    Args:
        pilot: Its configuration.
        evidence: At least all exchanges of all conversations that have one on the day.
        selection: What of them counts.
        weights: Requests that each exchange stands for.
        day: Which.
    """
    talks = conversations_of(evidence, selection)
    own = selection.days == day
    rows = _Rows(pilot, evidence, selection, talks, weights, day, selection.counted & own)
    _, minutes = np.unique(evidence.exchanges.arrived_us[rows.counted] // _MINUTE_US, return_inverse=True)
    busiest = np.bincount(minutes, weights=weights[rows.counted])
    return DayPart(
        reasons=Counter(selection.reasons[own].tolist()),
        requests=float(weights[rows.counted].sum()),
        busiest_minute=float(busiest.max()) if len(busiest) else 0.0,
        arms={arm.name: _arm_part(rows, arm.name) for arm in pilot.candidates},
    )


def _arm_part(rows: _Rows, name: str) -> ArmPart:
    evidence, arm = rows.evidence, rows.evidence.arms[name]
    began = (
        np.where(rows.talks.of_row >= 0, rows.talks.days[rows.talks.of_row], 0) if len(rows.talks.days) else rows.selection.days
    )
    chosen = replace(rows.selection, counted=rows.selection.counted & (began == rows.day))
    pairs = pair_values(rows.pilot.configuration, evidence, arm, chosen)
    sums = series_sums(pairs, rows.talks, 1.0 / evidence.exchanges.inclusion_probability)
    own = replace(rows.selection, captured=rows.counted)
    coverage = pair_coverage(evidence, name, arm, own).model_dump()
    return ArmPart(
        counts=Counter({f"coverage/{why}": number for why, number in coverage.items()}) + _pair_counts(pairs),
        failures=_failures(rows, arm),
        sums={(segment, series): daily for segment, series, _, daily in sums},
        times=_times(rows, arm),
        tokens=_tokens(rows, arm),
    )


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
    asked = rows.counted & arm.replies.is_there
    segments = rows.talks.segment_of_row
    found: Counter[Key] = Counter()
    for side, replies in _sides(rows, arm):
        found.update((side, segment, "") for segment in segments[asked].tolist())
        failed = asked & replies.failed
        found.update(
            (side, s, kind) for s, kind in zip(segments[failed].tolist(), replies.failures[failed].tolist(), strict=True)
        )
    return found


def _times(rows: _Rows, arm: ArmEvidence) -> dict[Key, LogSketch]:
    found: dict[Key, LogSketch] = {}
    for side, replies in _sides(rows, arm):
        usable = rows.counted & measured(replies, rows.pilot.configuration) & on_time(replies)
        for measure in MEASURES:
            times = times_of(replies, measure)
            known = usable & ~np.isnan(times)
            for segment in sorted(set(rows.talks.segment_of_row[known].tolist())):
                chosen = known & np.asarray(rows.talks.segment_of_row == segment, dtype=bool)
                found[side, segment, measure] = LogSketch.of(times[chosen])
    return found


def _tokens(rows: _Rows, arm: ArmEvidence) -> dict[Key, tuple[float, ...]]:
    found: dict[Key, tuple[float, ...]] = {}
    for side, replies in _sides(rows, arm):
        usable = rows.counted & replies.is_there & ~np.isnan(replies.input_tokens) & ~np.isnan(replies.output_tokens)
        at = np.flatnonzero(usable)
        segment, segments = codes(rows.talks.segment_of_row[at])
        model, models = codes(replies.models[at])
        cell = segment * max(1, len(models)) + model
        cached = np.nan_to_num(replies.cached_input_tokens[at])
        columns = (np.ones(len(at)), replies.input_tokens[at], cached, replies.output_tokens[at])
        sums = [np.bincount(cell, weights=column * rows.weights[at]) for column in columns]
        for number in np.unique(cell).tolist():
            key = (side, segments[number // len(models)], models[number % len(models)])
            found[key] = tuple(float(column[number]) for column in sums)
    return found
