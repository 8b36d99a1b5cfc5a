"""Planned pilots: exact chances of conversations, and the rule on simulated ones."""

from dataclasses import fields

import numpy as np
import pytest

from app.statistics.conversation_model import OUTCOMES, VALUES, ConversationModel, sizes_of
from app.statistics.daily import Daily
from app.statistics.needs import Need, cost_factor
from app.statistics.planning import (
    Design,
    Rule,
    Stratum,
    _added,
    _guessed,
    _labelled,
    corrected_ends,
    simulate,
    trusted_ends,
)
from app.statistics.power import preference_sd
from app.statistics.prediction_powered import WEEK, correct

RULE = Rule(threshold=0.45, alpha=0.05, n_optimal=700)


def chance_of_migrate(win_rate: float, *, draws: float = 0.3, runs: int = 400, **changes: float) -> tuple[float, float]:
    model = ConversationModel(win_rate=win_rate, pairs=1.94, judge_accuracy=0.84)
    design = Design(**changes)  # type: ignore[arg-type]
    work = Stratum(model=model, conversations=1400, draw_probability=draws)
    pilots = simulate(strata=[work], design=design, runs=runs, seed=7)
    trusted, corrected = (ends(pilots=pilots, rule=RULE, design=design) for ends in (trusted_ends, corrected_ends))
    return float(trusted.migrate.mean()), float(corrected.migrate.mean())


@pytest.mark.parametrize("pairs", [1.0, 1.94, 3.0, 10.0, 100.0])
def test_the_chances_of_a_conversation_add_up_and_have_the_win_rate(pairs: float) -> None:
    model = ConversationModel(win_rate=0.47, tie_rate=0.2, pairs=pairs, judge_accuracy=0.8)
    assert model.people.sum() == pytest.approx(1.0)
    assert model.people @ VALUES == pytest.approx(0.47, abs=2e-5)
    assert sum(size * chance for size, chance in sizes_of(pairs).items()) == pytest.approx(pairs)
    assert model.labelled.sum() == pytest.approx(1.0)
    assert (model.labelled.sum(axis=(0, 1)) @ OUTCOMES) == pytest.approx(0.47)
    assert model.labelled.sum(axis=(1, 2)) == pytest.approx(model.judged)


def test_single_pairs_and_alike_pairs_have_the_textbook_spread() -> None:
    single = preference_sd(win_rate=0.5, tie_rate=0.3)
    assert ConversationModel(win_rate=0.5, pairs=1.0).sd == pytest.approx(single)
    assert ConversationModel(win_rate=0.5, pairs=4.0, icc=1.0).sd == pytest.approx(single)
    # Two pairs each: the variance is that of one times (1 + icc) / 2.
    halved = single**2 * (1 + 0.25) / 2
    two = ConversationModel(win_rate=0.5, pairs=2.0)
    by_hand = sum(chance * single**2 * (1 + (size - 1) * 0.25) / size for size, chance in sizes_of(2.0).items())
    assert two.sd**2 == pytest.approx(by_hand)
    assert by_hand > halved


@pytest.mark.parametrize(
    ("name", "value"), [("win_rate", 0.1), ("tie_rate", 1.0), ("icc", -0.1), ("pairs", 0.5), ("judge_accuracy", 0.0)]
)
def test_what_is_out_of_range_is_named(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        ConversationModel(**{"win_rate": 0.5} | {name: value})


def test_the_corrected_variance_is_that_of_simulated_pilots() -> None:
    model = ConversationModel(win_rate=0.5, pairs=2.0, judge_accuracy=0.8)
    work = Stratum(model=model, conversations=1400, draw_probability=0.3)
    pilots = simulate(strata=[work], design=Design(), runs=400, seed=3)
    found = correct(labelled=_labelled(pilots, Design()), days=28, now=35, pilots=400)
    rest = _guessed(pilots[0].rest, np.full((400, 28), model.judge_weight))
    # λ is learned week by week and is close to the slope: the sums with it and with the slope vary alike.
    total = _added([found.middle, rest])
    means = total.sum_wx.sum(axis=-1) / total.n.sum(axis=-1)
    of_all, of_labels = model.corrected_parts
    assert means.std() == pytest.approx(np.sqrt(of_all / 1400 + of_labels / 420), rel=0.12)


def test_counting_by_value_gives_what_the_correction_says_of_every_conversation() -> None:
    """The rest of the conversations is added to the corrected series as sums: the same as one by one."""
    chance = np.random.default_rng(5)
    model = ConversationModel(win_rate=0.5, pairs=2.0, judge_accuracy=0.8)
    pilots = simulate(strata=[Stratum(model=model, conversations=200, draw_probability=0.3)], design=Design(), runs=3, seed=1)
    drawn = _labelled(pilots, Design())
    judge, place = chance.choice(VALUES, size=500), chance.integers(3 * 28, size=500)
    everyone = {
        "day": np.r_[drawn.day, place % 28 + 1],
        "judge": np.r_[drawn.judge, judge],
        "drawn": np.r_[drawn.drawn, np.zeros(500, dtype=bool)],
        "judge_drawn": np.r_[drawn.judge_drawn, judge],
        "person": np.r_[drawn.person, np.full(500, np.nan)],
        "answered_on": np.r_[drawn.answered_on, np.full(500, 10_000)],
        "probability": np.r_[drawn.probability, np.full(500, 0.3)],
        "pilot": np.r_[drawn.pilot, place // 28],
    }
    whole = correct(labelled=type(drawn)(**everyone), days=28, now=35, pilots=3)
    part = correct(labelled=drawn, days=28, now=35, pilots=3)
    rest = Daily.of(values=judge, places=place, shape=(3, 28))
    assert np.array_equal(whole.weights, part.weights)
    assert np.array_equal(whole.entered, part.entered)
    summed = _added([part.lowest, _guessed(rest, np.repeat(part.weights, WEEK, axis=1))])
    for field in fields(Daily):
        assert getattr(summed, field.name) == pytest.approx(getattr(whole.lowest, field.name))


def test_the_chances_are_those_of_the_operating_characteristics() -> None:
    trusted, corrected = chance_of_migrate(0.5)
    assert trusted > 0.96
    assert 0.83 < corrected < 0.95
    trusted, corrected = chance_of_migrate(0.45)
    assert trusted < 0.06
    assert corrected < 0.07


def test_skips_delays_and_swings_cost() -> None:
    _, plain = chance_of_migrate(0.5)
    _, skipping = chance_of_migrate(0.5, skip_rate=0.05)
    _, swinging = chance_of_migrate(0.5, day_swing=0.06)
    assert skipping < plain - 0.2
    assert swinging < plain
    _, few = chance_of_migrate(0.5, draws=0.1)
    assert few < plain - 0.2


def test_the_same_seed_gives_the_same_pilots_and_the_ends_are_all_there_is() -> None:
    work = Stratum(model=ConversationModel(win_rate=0.42), conversations=1400, draw_probability=0.2)
    first, second = (simulate(strata=[work], design=Design(day_swing=0.02), runs=50, seed=9) for _ in range(2))
    assert np.array_equal(first[0].people.sum_wx, second[0].people.sum_wx)
    assert np.array_equal(first[0].drawn.person, second[0].drawn.person)
    ends = trusted_ends(pilots=first, rule=RULE, design=Design()).chances
    assert sum(chance.value or 0.0 for chance in ends.values()) == pytest.approx(1.0)
    assert (ends["dont_migrate"].value or 0.0) > 0.3


def test_a_needed_number_is_enough_and_fewer_are_not() -> None:
    model = ConversationModel(win_rate=0.5, judge_accuracy=0.84)
    need = Need(model=model, threshold=0.45, critical=1.95, corrected_critical=2.0)
    labels = need.labels(conversations=1400)
    assert labels is not None
    assert need.distance(conversations=1400, labels=labels) <= 0.05 < need.distance(conversations=1400, labels=labels - 1)
    n = need.conversations()
    assert need.distance(conversations=n, labels=None) <= 0.05 < need.distance(conversations=n - 1, labels=None)
    days = need.days(conversations_per_day=50, labels_per_day=15)
    assert days is not None
    assert need.distance(conversations=50 * days, labels=15 * days) == pytest.approx(0.05)
    assert need.days(conversations_per_day=50, labels_per_day=0) is None
    lost = Need(model=model, threshold=0.45, critical=1.95, corrected_critical=2.0, lost=0.05)
    assert lost.labels(conversations=10**6) is None
    assert lost.days(conversations_per_day=50, labels_per_day=15) is None


def test_one_look_at_its_critical_value_costs_nothing_more() -> None:
    assert cost_factor(critical=1.6448536, power=0.8, alpha=0.05) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("changes", "name"), [({"days": 7}, "days"), ({"skip_rate": 1.0}, "skip_rate"), ({"day_swing": -0.1}, "day_swing")]
)
def test_a_wrong_design_is_named(changes: dict[str, float], name: str) -> None:
    work = Stratum(model=ConversationModel(win_rate=0.5), conversations=100)
    with pytest.raises(ValueError, match=name):
        simulate(strata=[work], design=Design(**changes), runs=1, seed=0)  # type: ignore[arg-type]
