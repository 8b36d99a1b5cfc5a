"""The correction by people on 466 real pairs with people's labels and two judges' verdicts, resampled."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.statistics.daily import levels
from app.statistics.prediction_powered import NEVER, Corrected, Labelled, correct
from app.statistics.sums import Floats
from tests.bench.recorded_figures import PAIRS_FILE, never_judged, read_pairs, votes

DATA = Path(__file__).parents[3] / "shared" / "data"
RUNS, PAIRS, DAYS = 2000, 800, 28
CHANCE = 0.3
Z_90 = 1.6449

pytestmark = pytest.mark.skipif(not (DATA / PAIRS_FILE).exists(), reason=f"the recorded pairs are not at {DATA}")


def preferences(pairs: list[dict[str, Any]], judge: str) -> tuple[Floats, Floats]:
    """The judge's and people's preference for `output_2` of each pair that the judge answered."""
    asked = [pair for pair in pairs if never_judged(pair) is None and votes(pair, judge)]
    judged = [float(np.mean([vote == 2 for vote in votes(pair, judge)])) for pair in asked]
    return np.array(judged), np.array([float(pair["label"] == 2) for pair in asked])


def resampled(judge: Floats, people: Floats, seed: int) -> tuple[Corrected, Corrected, Floats]:
    """Pilots of pairs drawn with replacement: corrected, by people alone, and how many labels each has."""
    chance = np.random.default_rng(seed)
    chosen = chance.integers(0, len(judge), size=RUNS * PAIRS)
    drawn = chance.random(len(chosen)) < CHANCE
    day = np.tile(np.arange(PAIRS) * DAYS // PAIRS + 1, RUNS)
    labelled = Labelled(
        day=day,
        judge=judge[chosen],
        drawn=drawn,
        judge_drawn=judge[chosen],
        person=np.where(drawn, people[chosen], np.nan),
        answered_on=np.where(drawn, day, NEVER),
        probability=np.full(len(chosen), CHANCE),
        pilot=np.repeat(np.arange(RUNS), PAIRS),
    )
    nothing = np.full(len(chosen), 0.5)
    alone = Labelled(
        **{name: getattr(labelled, name) for name in Labelled.__slots__} | {"judge": nothing, "judge_drawn": nothing}
    )
    counts = drawn.reshape(RUNS, PAIRS).sum(axis=1).astype(np.float64)
    series, by_people = (correct(labelled=given, days=DAYS, now=DAYS, pilots=RUNS) for given in (labelled, alone))
    return series, by_people, counts


def interval_of(series: Corrected) -> tuple[Floats, Floats]:
    """Mean and standard error with conversations as the units, as for one look at the end."""
    level = levels(daily=series.lowest)
    mean, error = level.mean[:, -1], np.sqrt(level.variance[:, -1] / level.effective_n[:, -1])
    return mean, error


@pytest.mark.parametrize("judge", ["GPT-4", "ChatGPT"])
def test_a_90_percent_interval_covers_and_needs_fewer_labels_than_people_alone(judge: str) -> None:
    judged, people = preferences(read_pairs(DATA), judge)
    truth = float(people.mean())
    series, alone, labels = resampled(judged, people, seed=20261121)
    mean, error = interval_of(series)
    covered = float((np.abs(mean - truth) < Z_90 * error).mean())
    assert 0.88 <= covered <= 0.92
    _, error_alone = interval_of(alone)
    saved = 1 - float(np.mean(error**2 / error_alone**2))
    assert labels.mean() == pytest.approx(PAIRS * CHANCE, rel=0.02)
    # GPT-4 agrees with people in four of five pairs, ChatGPT hardly better than in two of three.
    assert saved > (0.2 if judge == "GPT-4" else 0.05)


@pytest.mark.parametrize("judge", ["GPT-4", "ChatGPT"])
def test_a_judge_who_is_biased_does_not_move_the_corrected_mean(judge: str) -> None:
    judged, people = preferences(read_pairs(DATA), judge)
    biased = np.clip(judged + 0.2 * (judged < 1), 0.0, 1.0)
    assert float(biased.mean() - judged.mean()) > 0.05
    series, _, _ = resampled(biased, people, seed=7)
    mean, error = interval_of(series)
    assert float(mean.mean()) == pytest.approx(float(people.mean()), abs=4 * float(error.mean()) / np.sqrt(RUNS))
