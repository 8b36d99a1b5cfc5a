"""Which conversations people were asked about, what they said and when: what the correction of the judge rests on."""

from dataclasses import dataclass

import numpy as np

from app.domain.evidence import Evidence, Flags, Floats, LabelColumns, Numbers
from app.domain.labelling import LabelSource
from app.domain.pilot import DAY, Pilot
from app.domain.registered import RegisteredPlan
from app.domain.rubric_table import asks_a_model
from app.pipeline.closing import MICROSECOND, microseconds
from app.pipeline.conversations import Conversations, PairValues
from app.pipeline.labelling.drawing import drawn_pairs, labelled_instead
from app.statistics.prediction_powered import NEVER, PATIENCE_DAYS, TIE, Labelled

# More or fewer imported labels than their stated chance makes likely: the stated chance is not the true one.
ODD_ERRORS = 4.0
# A few answers on our page beside imported labels are a try, and do not throw those away; more are this pilot's draws.
FEWEST_OF_OURS = 20


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
        unused_labels: Imported labels with a chance of their own beside the registered draws: they measure agreement alone.
        waits: Days that each day waits for imported labels: the longest that one took, as nobody knows who is drawn before.
    """

    labelled: Labelled
    talk: Numbers
    by_people: Flags
    skipped: Flags
    unlabelled: Flags
    stated_share: float | None = None
    unused_labels: int = 0
    waits: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Draws:
    """The labelled or drawn pairs, one row each; which conversations are in the design, and with which chance."""

    rows: Numbers
    chance: Floats
    in_design: Flags
    stated_share: float | None = None
    unused_labels: int = 0
    waits: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Talks:
    """Conversations with a pair that counts: their numbers, and the rows of their pairs."""

    there: Numbers
    rows: Numbers
    of_row: Numbers
    number: Numbers

    @classmethod
    def of(cls, pairs: PairValues, talks: Conversations) -> "_Talks":
        rows = np.flatnonzero(pairs.counted & (talks.of_row >= 0))
        of_row = talks.of_row[rows]
        number = np.bincount(of_row, minlength=len(talks.days))
        return cls(np.flatnonzero(number), rows, of_row, number)

    def means(self, values: Floats, unknown: float) -> Floats:
        """Mean of each conversation's pairs with every unknown value at one value."""
        filled = np.where(np.isnan(values), unknown, values)[self.rows]
        total = np.bincount(self.of_row, weights=filled, minlength=len(self.number))
        return np.clip(total / np.maximum(self.number, 1), 0.0, 1.0)


def asked_of(
    pilot: Pilot,
    plan: RegisteredPlan,
    evidence: Evidence,
    labels: LabelColumns,
    pairs: PairValues,
    talks: Conversations,
    *,
    now: int,
    judged_chance: Floats | None = None,
) -> Asked:
    """Draws and answers of one candidate.

    The draws are those of the registered hash once people answer them (on our page, or of an exported queue); else imported
    labels with a `draw_probability` are the draws themselves.

    Args:
        pilot: Its window says on which day an answer came, its graders which segments a judge decides.
        plan: Seed and label probabilities.
        evidence: Names and weights of exchanges.
        labels: Of the candidate.
        pairs: Preferences by rule and judge.
        talks: Conversations.
        now: The day by whose end we look; answers that came later are taken as come on it.
        judged_chance: Of each conversation to be among those that count; whoever is drawn for people is.
    """
    judged = _judged(pilot, talks)
    answers = _answers(pilot, labels, pairs, now=now)
    draws = _draws(plan, evidence, labels, pairs, talks, judged_chance)
    if draws is None:
        draws = _imported_draws(labels, pairs, talks, judged, answers, now=now)
    told = _told(pairs, talks, draws, answers)
    kept, unlabelled = _Talks.of(pairs, talks), judged & ~draws.in_design
    there = kept.there
    return Asked(
        labelled=_labelled(evidence, pairs, talks, draws, told, kept, unlabelled, is_partly_judged=_is_partly(judged_chance)),
        talk=there,
        by_people=(told.drawn & ~told.certain)[there],
        skipped=told.skipped[there],
        unlabelled=unlabelled[there],
        stated_share=draws.stated_share,
        unused_labels=draws.unused_labels,
        waits=draws.waits,
    )


def _labelled(
    evidence: Evidence,
    pairs: PairValues,
    talks: Conversations,
    draws: _Draws,
    told: "_Told",
    kept: _Talks,
    unlabelled: Flags,
    *,
    is_partly_judged: bool,
) -> Labelled:
    """The conversations as the correction takes them.

    Where a judge looks at a part, conversations that were drawn for people are judged before those that are drawn when the part
    grows: what it has not said of the others is then no guess that people's draws would balance, but anything.
    """
    there = kept.there
    least, most = kept.means(pairs.values, 0.0), kept.means(pairs.values, 1.0)
    guessed = draws.in_design & ~((least < most) & is_partly_judged)
    weights = np.bincount(
        kept.of_row, weights=1.0 / evidence.exchanges.inclusion_probability[kept.rows], minlength=len(kept.number)
    )
    return Labelled(
        day=talks.days[there],
        judge=kept.means(pairs.values, TIE)[there],
        drawn=told.drawn[there],
        judge_drawn=told.judge[there],
        person=told.person[there],
        answered_on=told.answered_on[there],
        probability=np.where(told.drawn, told.chance, np.where(guessed, 1.0, 0.0))[there],
        weight=weights[there] / kept.number[there],
        # The judge alone may show that a kind of work is worse, never that it is good enough.
        least=np.where(unlabelled, 0.0, least)[there],
        most=most[there],
        certain=told.certain[there],
        fixed=(kept.means(np.where(by_rule(pairs), pairs.values, TIE), TIE) - TIE)[there],
    )


def _is_partly(judged_chance: Floats | None) -> bool:
    return judged_chance is not None and bool((judged_chance < 1).any())


def by_rule(pairs: PairValues) -> Flags:
    """Pairs that need no person: a deterministic grader's word is as final as a rule's."""
    return np.asarray(~pairs.judged & ~np.isnan(pairs.values), dtype=bool)


def _judged(pilot: Pilot, talks: Conversations) -> Flags:
    """Conversations of segments whose grader asks a model, graded yet or not."""
    names = {name for name in set(talks.segments.tolist()) if asks_a_model(pilot.configuration.grader_of(name))}
    return np.asarray(np.isin(talks.segments, sorted(names)), dtype=bool)


def _draws(
    plan: RegisteredPlan,
    evidence: Evidence,
    labels: LabelColumns,
    pairs: PairValues,
    talks: Conversations,
    judged_chance: Floats | None,
) -> _Draws | None:
    """The registered draws; `None` = imported labels are the draws themselves."""
    stated = ~np.isnan(labels.draw_probability)
    ours = int((stated & (labels.sources == LabelSource.PAGE.value)).sum())
    theirs = int(stated.sum()) - ours
    if not ours or (theirs and ours < FEWEST_OF_OURS):
        return None
    found = drawn_pairs(plan, evidence.exchanges, talks, pairs.counted)
    chance = np.array([plan.label_probability.get(segment, 0.0) for segment in talks.segments.tolist()])
    rows = labelled_instead(found.rows, labels, pairs.counted, talks)
    # Among the conversations that count, those drawn for people are as many more as the others are fewer.
    counted = 1.0 if judged_chance is None else judged_chance[talks.of_row[rows]]
    return _Draws(rows, found.probability / counted, chance > 0, unused_labels=theirs)


def _imported_draws(
    labels: LabelColumns, pairs: PairValues, talks: Conversations, judged: Flags, answers: "_Answers", *, now: int
) -> _Draws:
    """Each conversation with a label that states a chance is drawn; where several of its pairs were labelled, all count."""
    usable = ~np.isnan(labels.draw_probability) & pairs.counted[labels.rows] & (talks.of_row[labels.rows] >= 0)
    rows, chance = labels.rows[usable], labels.draw_probability[usable]
    inside = judged[talks.of_row[rows]]
    rows, first = np.unique(rows[inside], return_index=True)
    chance = chance[inside][first]
    talk = talks.of_row[rows]
    in_design = judged & np.isin(talks.segments, sorted(set(talks.segments[talk].tolist())))
    there = np.zeros(len(in_design), dtype=bool)
    there[talks.of_row[np.flatnonzero(pairs.counted)]] = True
    took = (answers.day[rows] - talks.days[talk])[answers.day[rows] < NEVER]
    waits = int(np.clip(took, 0, PATIENCE_DAYS).max(initial=0))
    over = talks.days <= now - waits
    _, first = np.unique(talk, return_index=True)
    share = _stated_share(chance[first][over[talk[first]]], int((in_design & there & over).sum()))
    return _Draws(rows, np.minimum(1.0, chance * (share or 1.0)), in_design, share, waits=waits)


def _stated_share(chance: Floats, conversations: int) -> float | None:
    """How many labels there are for each that the stated chances make likely; `None` where chance explains the difference."""
    if not len(chance):
        return None
    # 1 / mean(1 / π) of the drawn is the mean chance of the conversations that they stand for.
    stated = 1.0 / float(np.mean(1.0 / chance))
    likely = stated * conversations
    error = max(1.0, float(np.sqrt(conversations * stated * (1 - stated))))
    return len(chance) / likely if abs(len(chance) - likely) > ODD_ERRORS * error else None


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    """By conversation: whether it is drawn and with which chance, the judge and people on its drawn pairs, and when."""

    drawn: Flags
    chance: Floats
    judge: Floats
    person: Floats
    answered_on: Numbers
    certain: Flags
    skipped: Flags


def _told(pairs: PairValues, talks: Conversations, draws: _Draws, answers: "_Answers") -> _Told:
    rows, talk, size = draws.rows, talks.of_row[draws.rows], len(talks.days)
    decided = by_rule(pairs)[rows]
    filled = np.where(np.isnan(pairs.values), TIE, pairs.values)[rows]
    person = np.where(decided, filled, answers.value[rows])
    day = np.where(decided, talks.days[talk], np.maximum(talks.days[talk], answers.day[rows]))
    number = np.bincount(talk, minlength=size)
    # One pair without an answer leaves the conversation's unknown: a skip must not hide behind the other pairs.
    known = np.bincount(talk, weights=~np.isnan(person), minlength=size) == number

    def mean(values: Floats) -> Floats:
        return np.bincount(talk, weights=values, minlength=size) / np.maximum(number, 1)

    drawn = number > 0
    chance = np.ones(size)
    chance[talk[::-1]] = draws.chance[::-1]
    last = np.zeros(size, dtype=np.int64)
    np.maximum.at(last, talk, day)
    uncertain = np.bincount(talk, weights=~decided, minlength=size) > 0
    return _Told(
        drawn=drawn,
        chance=chance,
        judge=np.where(drawn, mean(filled), TIE),
        person=np.where(drawn & known, mean(np.nan_to_num(person)), np.nan),
        answered_on=np.where(drawn, last, NEVER),
        certain=drawn & ~uncertain,
        skipped=drawn & uncertain & ~known & (last < NEVER),
    )


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
