"""The scorecard of 466 real judged pairs shows the figures that the data's README states, to 4 decimals."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.domain.scorecard import CandidateModel, JudgeAgreement
from app.pipeline.pilots import start_pilot
from app.pipeline.ruling import trust_of
from app.pipeline.scorecard import compute_scorecard
from app.store.pilots import insert_pilot
from app.store.session import SessionFactory, session_scope
from tests.bench.recorded_figures import (
    JUDGES,
    PAIRS_FILE,
    agreement,
    never_judged,
    preference,
    read_pairs,
    stated_agreement,
    stated_preference,
)
from tests.builders import a_configuration
from tests.integration.scorecard_rows import NOW, START, Row, Said, Told, store_rows

DATA = Path(__file__).parents[3] / "shared" / "data"
SETS = ("MT-Bench", "FairEval", "LLMEval^2")
ORDERS = (("incumbent", "winner_shown_1_2"), ("qwen", "winner_shown_2_1"))

pytestmark = pytest.mark.skipif(not (DATA / PAIRS_FILE).exists(), reason=f"the recorded pairs are not at {DATA}")


@pytest.fixture(scope="module")
def pairs() -> list[dict[str, Any]]:
    return read_pairs(DATA)


@pytest.fixture(scope="module")
def readme() -> str:
    return (DATA / "README.md").read_text()


def as_row(pair: dict[str, Any], number: int, judge: str) -> Row:
    fixed = never_judged(pair)
    label = (Told(float(pair["label"] == 2)),)
    at = START + timedelta(hours=number)
    if fixed is not None:
        rule = "equal" if fixed == 0.5 else "failure"
        facts: dict[str, Any] = {"failure": "empty"} if rule == "failure" else {}
        return Row(at, segment=pair["set"], rule=rule, preference=fixed, candidate=facts, told=label)
    said = tuple(
        Said(first, None if pair["judges"][rater][key] is None else float(pair["judges"][rater][key] == 2), rater)
        for rater in JUDGES
        for first, key in ORDERS
    )
    unparsed = all(answer.value is None for answer in said if answer.rater == judge)
    return Row(at, segment=pair["set"], said=said, told=label, ungraded="unparsed" if unparsed else None)


def scorecard_of(session_factory: SessionFactory, pairs: list[dict[str, Any]], judge: str) -> CandidateModel:
    segments = [{"name": name} for name in SETS]
    configuration = a_configuration(pilot={"starts": START.date()}, segment=segments, judge={"rater": judge})
    with session_scope(session_factory) as session:
        pilot = insert_pilot(session, configuration, source_toml="")
        store_rows(session, pilot, [as_row(pair, number, judge) for number, pair in enumerate(pairs)])
        start_pilot(session, pilot.name, "test", NOW)
    return compute_scorecard(session_factory, pilot.name, now=NOW).candidates["qwen"]


@pytest.mark.parametrize("judge", JUDGES)
def test_every_figure_of_the_readme_is_the_scorecards(
    session_factory: SessionFactory, pairs: list[dict[str, Any]], readme: str, judge: str
) -> None:
    card = scorecard_of(session_factory, pairs, judge)
    fixed = card.quality.win_rate_fixed
    stated = stated_preference(readme)[judge]
    assert fixed.value == pytest.approx(stated[0], abs=5e-6)
    assert fixed.standard_error == pytest.approx(stated[1], abs=5e-6)
    assert (card.quality.flips, fixed.n) == (stated[2], preference(pairs, judge).pairs) == (stated[2], 461)
    assert card.quality.ungraded == {"unparsed": 11}
    assert card.quality.people_win_rate.value == pytest.approx(0.49785, abs=5e-6)
    assert card.quality.people_win_rate.n == 466

    whole = agreement(pairs, judge)
    assert card.quality.judge_accuracy.value == pytest.approx(whole.accuracy, abs=5e-5)
    assert card.quality.judge_kappa.value == pytest.approx(whole.kappa, abs=5e-5)
    assert card.quality.position_consistency_rate == pytest.approx(whole.consistency, abs=5e-5)
    assert card.quality.judge_accuracy.n == whole.parsed_answers
    assert card.quality.position_consistency_n == whole.parsed_both


@pytest.mark.parametrize("judge", JUDGES)
def test_so_do_the_figures_of_each_set(
    session_factory: SessionFactory, pairs: list[dict[str, Any]], readme: str, judge: str
) -> None:
    stated = stated_agreement(readme)
    for name in SETS:
        chosen = [pair for pair in pairs if pair["set"] == name]
        found = in_own_pilot(session_factory, chosen, judge, name)
        figures = (found.accuracy.value, found.position_consistency_rate, found.kappa.value)
        assert figures == pytest.approx(stated[name, judge], abs=5e-5)


def in_own_pilot(session_factory: SessionFactory, pairs: list[dict[str, Any]], judge: str, name: str) -> JudgeAgreement:
    slug = "".join(letter for letter in name.lower() if letter.isalnum())
    configuration = a_configuration(pilot={"name": slug, "starts": START.date()}, judge={"rater": JUDGES[0]})
    with session_scope(session_factory) as session:
        pilot = insert_pilot(session, configuration, source_toml="")
        store_rows(session, pilot, [as_row(pair, number, judge) for number, pair in enumerate(pairs)])
    card = compute_scorecard(session_factory, slug, now=NOW)
    return next(rater for rater in card.candidates["qwen"].quality.raters if rater.rater == judge)


@pytest.mark.parametrize(
    ("judge", "sets", "labels", "is_trusted"),
    [
        ("GPT-4", ("MT-Bench", "LLMEval^2"), None, True),
        ("ChatGPT", ("MT-Bench", "LLMEval^2"), None, True),
        ("ChatGPT", ("FairEval", "LLMEval^2"), None, False),
        ("GPT-4", ("MT-Bench", "LLMEval^2"), 90, False),
    ],
)
def test_a_judge_passes_the_floor_or_not_as_its_figures_say(
    session_factory: SessionFactory,
    pairs: list[dict[str, Any]],
    judge: str,
    sets: tuple[str, ...],
    labels: int | None,
    is_trusted: bool,
) -> None:
    chosen = [pair for pair in pairs if pair["set"] in sets]
    rows = [as_row(pair, number, judge) for number, pair in enumerate(chosen)]
    if labels is not None:
        rows = [row if number < labels else replace(row, told=()) for number, row in enumerate(rows)]
    configuration = a_configuration(pilot={"starts": START.date()}, judge={"rater": judge})
    with session_scope(session_factory) as session:
        pilot = insert_pilot(session, configuration, source_toml="")
        store_rows(session, pilot, rows)
        start_pilot(session, pilot.name, "test", NOW)
    card = compute_scorecard(session_factory, pilot.name, now=NOW).candidates["qwen"]
    figures = agreement(chosen[:labels], judge)
    accuracy = card.quality.judge_accuracy
    assert accuracy.value == pytest.approx(figures.accuracy, abs=1e-4)
    trust = trust_of(card.quality)
    assert (trust.is_enough, trust.has_labels) == (is_trusted, labels is None)
    assert trust.is_accurate is (None if labels else figures.accuracy >= 0.7)
    assert ("usable labels" if labels else f"{figures.accuracy:.1%}") in trust.words
    if not is_trusted:
        assert trust.words in " ".join(card.verdict.reasons) or "judge_uncalibrated" not in card.verdict.reason_codes
