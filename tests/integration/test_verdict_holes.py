"""Ways by which a worse candidate could be let through: each once worked, none may again."""

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.domain.pilot import ConfigurationChange, Pilot
from app.domain.words import GateOutcome, Outcome
from app.pipeline.closing import select_evidence
from app.pipeline.conversations import conversations_of, pair_values
from app.pipeline.labelling.drawing import drawn_pairs
from app.pipeline.registration import plan_of
from app.pipeline.scorecard_inputs import read_stored
from app.store import pilots
from app.store.registrations import insert_changes
from app.store.tables import LabelRow
from tests.integration.scorecard_pilots import TIMEOUT, TOKENS, qwen_of, started
from tests.integration.scorecard_rows import DAY, NOW, START, Row, Said, Told, both

OK = TOKENS | {"total_seconds": 1.0}
PLANNED = {"starts": START.date(), "planned_conversations": 1800}


def rows(
    chance: np.random.Generator,
    count: int,
    people: float,
    *,
    flattered: float = 0.0,
    segment: str = "other",
    draw: float = 0.0,
) -> tuple[list[Row], dict[str, float]]:
    """One pair a conversation, what people think of each; the judge turns a share of losses into wins."""
    made, truth = [], {}
    for number in range(count):
        name = f"{segment}-{number:05d}"
        told = float(chance.choice([1.0, 0.5, 0.0], p=[people - 0.15, 0.3, 0.85 - people]))
        judge = told if chance.random() < 0.85 else float(chance.choice([1.0, 0.5, 0.0]))
        judge = 1.0 if judge == 0 and chance.random() < flattered else judge
        label = (Told(told, draw=draw),) if draw and chance.random() < draw else ()
        at = START + number * 28 * DAY / count
        made.append(Row(at, name=name, segment=segment, said=both(judge), told=label, incumbent=OK, candidate=OK))
        truth[name] = told
    return made, truth


def answer(session: Session, pilot: Pilot, truth: dict[str, float], *, skip: str, is_silent: bool) -> None:
    """People answer every drawn pair on our page, and skip or never see those of a segment."""
    stored = read_stored(session, pilot.name, as_of=None)
    evidence = stored.evidence
    selection = select_evidence(pilot, evidence, now=NOW)
    talks = conversations_of(evidence, selection)
    values = pair_values(pilot.configuration, evidence, evidence.arms["qwen"], selection)
    drawn = drawn_pairs(plan_of(pilot, stored.registration), evidence.exchanges, talks, values.counted)
    labels = []
    for row, probability in zip(drawn.rows.tolist(), drawn.probability.tolist(), strict=True):
        name = evidence.exchanges.external_ids[row]
        is_skipped = name.startswith(skip)
        if is_skipped and is_silent:
            continue
        at = START + (int(selection.days[row]) - 0.5) * DAY
        labels.append(
            {
                "pilot_id": pilot.id,
                "exchange_id": int(evidence.exchanges.ids[row]),
                "arm_id": pilot.arm_named("qwen").id,
                "rater": "ada",
                "value": None if is_skipped else truth[name],
                "skipped": "unclear" if is_skipped else None,
                "draw_probability": probability,
                "source": "page",
                "at": at,
                "at_given": True,
            }
        )
    session.execute(insert(LabelRow), labels)


@pytest.mark.parametrize("answered", ["skipped", "nobody"])
def test_a_segment_whose_drawn_pairs_nobody_answers_never_moves(session: Session, answered: str) -> None:
    chance = np.random.default_rng(3)
    good, one = rows(chance, 900, 0.52, segment="good")
    bad, other = rows(chance, 900, 0.35, flattered=0.5, segment="bad")
    segments = [{"name": name, "match": {"header": name}} for name in ("good", "bad")]
    pilot = started(session, good + bad, segment=segments, labels={"per_day": 40}, pilot=PLANNED)
    answer(session, pilot, one | other, skip="bad", is_silent=answered == "nobody")
    card = qwen_of(session, pilot)
    assert card.segments["bad"].outcome is not GateOutcome.PASSES
    assert "bad" not in card.verdict.routing
    assert card.verdict.outcome is not Outcome.MIGRATE


def test_labels_of_one_small_segment_do_not_vouch_for_the_judge_elsewhere(session: Session) -> None:
    chance = np.random.default_rng(4)
    labelled, _ = rows(chance, 250, 0.5, segment="a", draw=1.0)
    rest, _ = rows(chance, 1600, 0.42, flattered=0.4)
    pilot = started(session, labelled + rest, segment=[{"name": "a", "match": {"header": "a"}}], pilot=PLANNED)
    card = qwen_of(session, pilot)
    assert card.quality.win_rate.value is not None
    assert card.quality.win_rate.value > 0.5
    assert card.verdict.outcome is Outcome.EXTEND
    assert any("no drawn pair was labelled" in line and "other" in line for line in card.verdict.not_tested)


def test_pairs_without_a_grade_are_no_ties_where_nobody_is_asked(session: Session) -> None:
    chance = np.random.default_rng(4)
    labelled, _ = rows(chance, 250, 0.5, segment="a", draw=1.0)
    rest, _ = rows(chance, 1600, 0.53)
    unread = (Said("incumbent", None), Said("qwen", None))
    rest = [row if place % 5 > 1 else replace(row, said=unread, ungraded="unparsed") for place, row in enumerate(rest)]
    pilot = started(session, labelled + rest, segment=[{"name": "a", "match": {"header": "a"}}], pilot=PLANNED)
    assert qwen_of(session, pilot).verdict.outcome is not Outcome.MIGRATE


def test_a_margin_that_is_widened_after_the_start_does_not_count(session: Session) -> None:
    made, _ = rows(np.random.default_rng(4), 1400, 0.42, draw=0.5)
    pilot = started(session, made)
    before = qwen_of(session, pilot)
    wider = pilot.configuration.model_copy(update={"quality": pilot.configuration.quality.model_copy(update={"margin": 0.13})})
    changed = pilots.replace_configuration(session, pilot, wider, source_toml="", guesses=[])
    insert_changes(session, pilot.id, [ConfigurationChange(NOW, "ops", "quality.margin", 0.05, 0.13)])
    after = qwen_of(session, changed)
    assert (before.gates[0].threshold, after.gates[0].threshold) == (0.45, 0.45)
    assert after.verdict.outcome is before.verdict.outcome
    assert "changed_after_registration" in after.verdict.reason_codes


def test_failures_of_the_candidate_are_not_shrunk_to_ties(session: Session) -> None:
    chance = np.random.default_rng(11)
    made, _ = rows(chance, 2000, 0.5, draw=0.25)
    made = [
        replace(row, rule="failure", preference=0.0, said=(), told=(), candidate=TIMEOUT) if chance.random() < 0.16 else row
        for row in made
    ]
    card = qwen_of(session, started(session, made, pilot=PLANNED))
    corrected, raw = card.quality.win_rate_human_corrected.value, card.quality.win_rate.value
    assert corrected is not None
    assert raw is not None
    assert corrected == pytest.approx(raw, abs=0.03)
    assert corrected < 0.45


def test_a_handful_of_labels_shows_nothing(session: Session) -> None:
    chance = np.random.default_rng(5)
    made = []
    for number in range(1400):
        told = 0.5 if chance.random() < 0.9 else 0.0
        label = (Told(told, draw=0.02),) if number % 50 == 0 else ()
        at = START + number * 28 * DAY / 1400
        made.append(Row(at, name=f"e-{number}", rule="grader", ungraded="no_judge", told=label, incumbent=OK, candidate=OK))
    pilot = started(session, made, judge=None)
    assert qwen_of(session, pilot).verdict.outcome is not Outcome.MIGRATE


def test_replies_that_win_by_length_alone_move_no_segment_either(session: Session) -> None:
    chance, made = np.random.default_rng(4), []
    for number in range(1800):
        is_longer = chance.random() < 0.7
        told = float(chance.choice([1.0, 0.5, 0.0], p=[0.2, 0.2, 0.6]))
        judge = 1.0 if is_longer and chance.random() < 0.55 else told
        label = (Told(judge, draw=0.2),) if number % 5 == 0 else ()
        size = OK | {"content_chars": 900 if is_longer else 480}
        at = START + number * 28 * DAY / 1800
        row = Row(at, name=f"a-{number:05d}", segment="a", said=both(judge), told=label, candidate=size)
        made.append(replace(row, incumbent=OK | {"content_chars": 500}))
    card = qwen_of(session, started(session, made, segment=[{"name": "a", "match": {"header": "a"}}], pilot=PLANNED))
    raw, equal = card.quality.win_rate.value, card.quality.win_rate_length_controlled.value
    assert raw is not None
    assert equal is not None
    assert equal < 0.45 < raw
    assert card.verdict.outcome is Outcome.EXTEND
