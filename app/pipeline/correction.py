"""Which conversations people were asked about, what they said and when: what the correction of the judge rests on."""

from dataclasses import dataclass

import numpy as np

from app.domain.evidence import Evidence, Flags, Floats, LabelColumns, Numbers
from app.domain.labelling import LabelSource
from app.domain.pilot import DAY, Pilot
from app.domain.registered import RegisteredPlan
from app.pipeline.closing import MICROSECOND, microseconds
from app.pipeline.conversations import Conversations, PairValues
from app.pipeline.labelling.drawing import drawn_pairs, labelled_instead
from app.statistics.prediction_powered import NEVER, TIE, Labelled

# More or fewer imported labels than their stated chance makes likely: the stated chance is not the true one.
ODD_ERRORS = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What people were asked about one candidate, by conversation.

    Attributes:
        labelled: The conversations with a pair that counts, as the correction takes them.
        talk: The number of each in `Conversations`.
        by_people: Drawn, and for people to answer: no rule decides the drawn pair.
        skipped: Of these, answered by skips alone.
        unlabelled: In a segment that a judge decides and of which no pair was drawn.
        stated_share: Found labels over those that their stated chance makes likely; `None` = as stated.
    """

    labelled: Labelled
    talk: Numbers
    by_people: Flags
    skipped: Flags
    unlabelled: Flags
    stated_share: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Draws:
    """Drawn pairs: the exchange's row and the conversation's chance; which conversations are in the design at all."""

    rows: Numbers
    chance: Floats
    in_design: Flags
    stated_share: float | None = None


def asked_of(
    pilot: Pilot,
    plan: RegisteredPlan,
    evidence: Evidence,
    labels: LabelColumns,
    pairs: PairValues,
    talks: Conversations,
    *,
    now: int,
) -> Asked:
    """Draws and answers of one candidate.

    Where a label was made on our page, the draws are those of the registered hash. Else imported labels with a
    `draw_probability` are the draws themselves.

    Args:
        pilot: Its window says on which day an answer came.
        plan: Seed and label probabilities.
        evidence: Names and weights of exchanges.
        labels: Of the candidate.
        pairs: Preferences by rule and judge.
        talks: Conversations.
        now: The day by whose end we look; answers that came later are taken as come on it.
    """
    size = len(talks.days)
    rows = np.flatnonzero(pairs.counted & (talks.of_row >= 0))
    of_row = talks.of_row[rows]
    number = np.bincount(of_row, minlength=size)
    there = np.flatnonzero(number)
    filled = np.where(np.isnan(pairs.values), TIE, pairs.values)
    judge, least, most = (_means(pairs.values, unknown, rows, of_row, number) for unknown in (TIE, 0.0, 1.0))
    weights = np.bincount(of_row, weights=1.0 / evidence.exchanges.inclusion_probability[rows], minlength=size)
    draws = _draws(plan, evidence, labels, pairs, talks)
    answers = _answers(pilot, labels, pairs, now=now)
    drawn, pair = np.zeros(size, dtype=bool), np.zeros(size, dtype=np.int64)
    chance = np.where(draws.in_design, 1.0, 0.0)
    talk = talks.of_row[draws.rows]
    drawn[talk], pair[talk], chance[talk] = True, draws.rows, draws.chance
    by_rule = ~pairs.judged & ~np.isnan(pairs.values)  # a deterministic grader's word is as final as a rule's
    unlabelled = _judged_segments(pairs, talks) & ~draws.in_design
    day = talks.days[there]
    of_pair = pair[there]
    answered = np.where(by_rule[of_pair], day, np.maximum(day, answers.day[of_pair]))
    return Asked(
        labelled=Labelled(
            day=day,
            judge=judge[there],
            drawn=drawn[there],
            judge_drawn=filled[of_pair],
            person=np.where(by_rule[of_pair], filled[of_pair], answers.value[of_pair]),
            answered_on=np.where(drawn[there], answered, NEVER),
            probability=chance[there],
            weight=weights[there] / number[there],
            # The judge alone may show that a kind of work is worse, never that it is good enough.
            least=np.where(unlabelled, 0.0, least)[there],
            most=most[there],
        ),
        talk=there,
        by_people=drawn[there] & ~by_rule[of_pair],
        skipped=drawn[there] & ~by_rule[of_pair] & np.isnan(answers.value[of_pair]) & (answers.day[of_pair] < NEVER),
        unlabelled=unlabelled[there],
        stated_share=draws.stated_share,
    )


def _means(values: Floats, unknown: float, rows: Numbers, of_row: Numbers, number: Numbers) -> Floats:
    """Mean of each conversation's pairs with every unknown preference at one value."""
    filled = np.where(np.isnan(values), unknown, values)
    total = np.bincount(of_row, weights=filled[rows], minlength=len(number))
    return np.clip(total / np.maximum(number, 1), 0.0, 1.0)


def _draws(plan: RegisteredPlan, evidence: Evidence, labels: LabelColumns, pairs: PairValues, talks: Conversations) -> _Draws:
    if ((labels.sources == LabelSource.PAGE.value) & ~np.isnan(labels.draw_probability)).any():
        found = drawn_pairs(plan, evidence.exchanges, talks, pairs.counted)
        chance = np.array([plan.label_probability.get(segment, 0.0) for segment in talks.segments.tolist()])
        rows = labelled_instead(found.rows, labels, pairs.counted, talks)
        return _Draws(rows, found.probability, chance > 0)
    return _imported_draws(labels, pairs, talks)


def _imported_draws(labels: LabelColumns, pairs: PairValues, talks: Conversations) -> _Draws:
    """Each conversation with a label that states a chance is drawn; of several labelled pairs the first row stands for it."""
    usable = ~np.isnan(labels.draw_probability) & pairs.counted[labels.rows] & (talks.of_row[labels.rows] >= 0)
    rows, chance = labels.rows[usable], labels.draw_probability[usable]
    judged = _judged_segments(pairs, talks)
    chosen = judged[talks.of_row[rows]]
    rows, chance = rows[chosen], chance[chosen]
    order = np.argsort(rows, kind="stable")
    talk, first = np.unique(talks.of_row[rows[order]], return_index=True)
    rows, chance = rows[order][first], chance[order][first]
    in_design = judged & np.isin(talks.segments, sorted(set(talks.segments[talk].tolist())))
    there = np.zeros(len(in_design), dtype=bool)
    there[talks.of_row[np.flatnonzero(pairs.counted)]] = True
    share = _stated_share(chance, int((in_design & there).sum()))
    return _Draws(rows, np.minimum(1.0, chance * (share or 1.0)), in_design, share)


def _stated_share(chance: Floats, conversations: int) -> float | None:
    """How many labels there are for each that the stated chances make likely; `None` where chance explains the difference."""
    if not len(chance):
        return None
    # 1 / mean(1 / π) of the drawn is the mean chance of the conversations that they stand for.
    stated = 1.0 / float(np.mean(1.0 / chance))
    likely = stated * conversations
    error = max(1.0, float(np.sqrt(conversations * stated * (1 - stated))))
    return len(chance) / likely if abs(len(chance) - likely) > ODD_ERRORS * error else None


def _judged_segments(pairs: PairValues, talks: Conversations) -> Flags:
    """Conversations of segments in which a judge decides pairs."""
    judged = sorted(set(talks.segment_of_row[pairs.judged].tolist()))
    return np.asarray(np.isin(talks.segments, judged), dtype=bool)


@dataclass(frozen=True, slots=True, eq=False)
class _Answers:
    """By exchange: the mean of what people said (NaN = nobody, or skips alone) and the day on which it was first said."""

    value: Floats
    day: Numbers


def _answers(pilot: Pilot, labels: LabelColumns, pairs: PairValues, *, now: int) -> _Answers:
    rows = len(pairs.values)
    value, day = np.full(rows, np.nan), np.full(rows, NEVER, dtype=np.int64)
    drawn = ~np.isnan(labels.draw_probability)
    starts = microseconds(pilot.starts_at) if pilot.starts_at is not None else 0
    made = np.minimum((labels.labelled_us - starts) // (DAY // MICROSECOND) + 1, now)
    for said in (False, True):  # an answer outweighs a skip, whichever came first
        chosen = drawn & (~np.isnan(labels.values) == said)
        first = np.full(rows, NEVER, dtype=np.int64)
        np.minimum.at(first, labels.rows[chosen], made[chosen])
        day = np.where(first < NEVER, first, day)
        if said:
            number = np.bincount(labels.rows[chosen], minlength=rows)
            total = np.bincount(labels.rows[chosen], weights=labels.values[chosen], minlength=rows)
            value = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    return _Answers(value, day)
