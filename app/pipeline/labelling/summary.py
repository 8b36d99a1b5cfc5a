"""What of the drawn pairs is labelled, skipped and missing, by segment and by rater."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from app.domain.estimate import Estimate
from app.domain.grading import PairKey
from app.domain.labelling import StoredAnswer
from app.domain.words import OTHER_SEGMENT
from app.pipeline.labelling.agreement import agreement_of
from app.pipeline.labelling.queues import CandidatePairs, LabelQueues, ToLabel
from app.store.labels import conversations_of, list_answers


@dataclass(frozen=True, slots=True)
class DrawnCounts:
    """Drawn pairs that need a person: `drawn` = `labelled` + `skipped` + `missing`; `without_text` are among the missing."""

    drawn: int
    labelled: int
    skipped: int
    missing: int
    without_text: int


@dataclass(frozen=True, slots=True)
class SegmentLabels:
    """One segment's drawn pairs; `label_probability` = the registered chance of a conversation to be drawn."""

    segment: str
    label_probability: float
    counts: DrawnCounts


@dataclass(frozen=True, slots=True)
class RaterLabels:
    """What one person did: all labels of the candidate, and those of them on drawn pairs."""

    rater: str
    labelled: int
    skipped: int
    drawn: int


@dataclass(frozen=True, slots=True)
class CandidateLabels:
    """One candidate's labels.

    Attributes:
        counts: Of its drawn pairs.
        by_rule: Drawn pairs that a rule decides: nobody has to look at them.
        undecided: Drawn pairs of which it is not known yet whether a rule decides them.
        uncertain: Pairs in the other queue, by why.
        raters: Everybody who answered.
        agreement: Krippendorff's alpha over pairs with several answers.
        usable: Pairs with an answer that has a draw probability.
    """

    candidate: str
    counts: DrawnCounts
    by_rule: int
    undecided: int
    segments: tuple[SegmentLabels, ...]
    uncertain: dict[str, int]
    raters: tuple[RaterLabels, ...]
    agreement: Estimate
    usable: int


@dataclass(frozen=True, slots=True)
class LabelSummary:
    """Labels of a pilot."""

    pilot: str
    is_registered: bool
    closed_days: int
    per_day: int
    raters_per_pair: int
    candidates: tuple[CandidateLabels, ...]


def summary_of(queues: LabelQueues, name: str) -> LabelSummary:
    """How far the labelling of a pilot is."""
    found = queues.read(name)
    with queues.session_factory() as session:
        answers = list_answers(session, found.pilot.id)
        conversations = conversations_of(session, (answer.key.exchange_id for answer in answers))
    labels = found.pilot.configuration.labels
    return LabelSummary(
        pilot=found.pilot.name,
        is_registered=bool(found.plan.seed),
        closed_days=len(found.closed),
        per_day=labels.per_day,
        raters_per_pair=labels.raters_per_pair,
        candidates=tuple(_candidate(found, each, answers, conversations) for each in found.candidates),
    )


def _candidate(
    found: ToLabel, pairs: CandidatePairs, answers: Sequence[StoredAnswer], conversations: dict[int, str]
) -> CandidateLabels:
    told = [answer for answer in answers if answer.key.arm_id == pairs.arm.id]
    drawn_told = [answer for answer in told if answer.draw_probability is not None]
    known = [segment.name for segment in found.pilot.configuration.segment]
    return CandidateLabels(
        candidate=pairs.arm.name,
        counts=_counts(pairs, drawn_told, None),
        by_rule=pairs.by_rule,
        undecided=pairs.undecided,
        segments=tuple(
            SegmentLabels(name, found.plan.label_probability.get(name, 0.0), _counts(pairs, drawn_told, name))
            for name in (*known, OTHER_SEGMENT)
        ),
        uncertain={doubt.value: count for doubt, count in pairs.doubts.items()},
        raters=tuple(_raters(pairs, told)),
        agreement=_agreement(told, conversations),
        usable=len({answer.key for answer in drawn_told if answer.value is not None}),
    )


def _counts(pairs: CandidatePairs, told: Iterable[StoredAnswer], segment: str | None) -> DrawnCounts:
    wanted = [pair for pair in pairs.drawn if segment in (None, pair.segment)]
    ours = {pair.key for pair in wanted}
    labelled, skipped = set[PairKey](), set[PairKey]()
    for answer in told:
        if answer.key in ours:
            (skipped if answer.value is None else labelled).add(answer.key)
    return DrawnCounts(
        drawn=len(wanted),
        labelled=len(labelled),
        skipped=len(skipped - labelled),
        missing=len(ours - skipped - labelled),
        without_text=sum(not pair.has_text and pair.key not in labelled | skipped for pair in wanted),
    )


def _raters(pairs: CandidatePairs, told: Sequence[StoredAnswer]) -> Iterable[RaterLabels]:
    ours = {pair.key for pair in pairs.drawn}
    for rater in sorted({answer.rater for answer in told}):
        own = [answer for answer in told if answer.rater == rater]
        labelled = sum(answer.value is not None for answer in own)
        drawn = sum(answer.key in ours and answer.draw_probability is not None for answer in own)
        yield RaterLabels(rater, labelled, len(own) - labelled, drawn)


def _agreement(told: Sequence[StoredAnswer], conversations: dict[int, str]) -> Estimate:
    said = [answer for answer in told if answer.value is not None]
    names = {name: number for number, name in enumerate(sorted(set(conversations.values())))}
    keys = np.array([answer.key.exchange_id for answer in said], dtype=np.int64)
    return agreement_of(
        pairs=keys,
        raters=[answer.rater for answer in said],
        values=np.array([answer.value for answer in said], dtype=np.float64),
        clusters=np.array([names[conversations[answer.key.exchange_id]] for answer in said], dtype=np.int64),
    )
