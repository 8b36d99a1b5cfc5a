"""The parts that planned pilots are made of: traffic, swings, answers, needs, and chances at their limits."""

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from app.statistics.conversation_model import OUTCOMES, VALUES, ConversationModel, sizes_of
from app.statistics.daily import Daily
from app.statistics.fixed_sample import wilson
from app.statistics.needs import Need, critical_value
from app.statistics.planning import (
    SWINGS,
    Design,
    Ends,
    Rule,
    Simulated,
    Stratum,
    _labelled,
    _mean,
    _moved,
    corrected_ends,
    simulate,
    trusted_ends,
)

RULE = Rule(threshold=0.45, alpha=0.05, n_optimal=700)
JUDGED = ConversationModel(win_rate=0.5, judge_accuracy=0.84)


def test_the_last_two_days_of_a_week_have_their_own_traffic() -> None:
    design = Design(days=14, weekend_volume=0.25)
    assert design.traffic * 11 == pytest.approx(np.tile([1, 1, 1, 1, 1, 0.25, 0.25], 2))


@pytest.mark.parametrize(("day_swing", "spread"), [(0.05, 0.05), (0.0, 0.0)])
def test_days_swing_as_much_as_is_planned(day_swing: float, spread: float) -> None:
    work = Stratum(model=ConversationModel(win_rate=0.5, pairs=1.0), conversations=28 * 40_000.0)
    (found,) = simulate(strata=[work], design=Design(day_swing=day_swing), runs=40, seed=5)
    for series in (found.people, found.rest):
        assert float(series.means.std()) == pytest.approx(spread, abs=0.004)
    assert float(np.std(SWINGS)) == pytest.approx(1.0)


def test_a_moved_model_stays_within_what_its_ties_allow() -> None:
    model = ConversationModel(win_rate=0.6, tie_rate=0.3)
    assert [_moved(model, by).win_rate for by in (0.1, -0.2, 0.5, -0.9)] == pytest.approx([0.7, 0.4, 0.85, 0.15])


def test_answers_come_after_their_delay_and_every_nth_is_a_skip() -> None:
    design = Design(delay_days=3, skip_rate=0.25)
    pilots = simulate(strata=[Stratum(model=JUDGED, conversations=300, draw_probability=0.5)], design=design, runs=2, seed=1)
    found = _labelled(pilots, design)
    assert np.array_equal(found.answered_on, found.day + 3)
    assert int(np.isnan(found.person).sum()) == len(found.day) // 4


def test_without_conversations_there_is_no_mean() -> None:
    nothing = Daily(*(np.zeros((2, 3)) for _ in fields(Daily)))
    assert _mean(nothing).tolist() == [0.0, 0.0]


def test_chances_have_their_interval_around_them() -> None:
    migrate, dont = np.array([True, True, False, False]), np.array([False, False, True, False])
    found = Ends(migrate, dont).chances
    for name, events in (("migrate", 2), ("dont_migrate", 1), ("unknown", 1)):
        low, high = wilson(successes=events, trials=4)
        assert (found[name].value, found[name].low, found[name].high) == (events / 4, low, high)
        assert low < events / 4 < high


def test_what_needs_no_people_counts_as_it_is() -> None:
    """A judge's word shrunk towards a tie would lift .44 above the limit, and a few labels alone would show nothing."""
    few = Stratum(model=JUDGED, conversations=60, draw_probability=0.5)
    for win_rate, conversations, migrates in ((0.44, 40_000, 0.0), (0.5, 1400, 1.0)):
        settled = Stratum(model=ConversationModel(win_rate=win_rate), conversations=conversations)
        pilots = simulate(strata=[settled, few], design=Design(), runs=20, seed=2)
        assert float(corrected_ends(pilots=pilots, rule=RULE, design=Design()).migrate.mean()) == pytest.approx(
            migrates, abs=0.15
        )


def test_answers_that_are_missing_may_all_have_been_wins() -> None:
    bad = Stratum(model=ConversationModel(win_rate=0.38, judge_accuracy=0.84), conversations=1400, draw_probability=0.4)
    for skip_rate, fails in ((0.0, 0.95), (0.4, 0.0)):
        design = Design(skip_rate=skip_rate)
        pilots = simulate(strata=[bad], design=design, runs=20, seed=3)
        found = corrected_ends(pilots=pilots, rule=RULE, design=design)
        assert float(found.dont_migrate.mean()) == pytest.approx(fails, abs=0.11)


def spliced(before: Simulated, after: Simulated, day: int) -> Simulated:
    """The first so many days of one, the rest of the other."""
    people, rest = (
        Daily(*(np.hstack([getattr(one, f.name)[:, :day], getattr(other, f.name)[:, day:]]) for f in fields(Daily)))
        for one, other in ((before.people, after.people), (before.rest, after.rest))
    )  # fmt: skip
    kept = [before.drawn.place % 28 < day, after.drawn.place % 28 >= day]
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(each.drawn, name)[rows] for each, rows in zip((before, after), kept, strict=True)])
        for name in ("place", "judge", "judge_drawn", "person")
    }
    return Simulated(people, rest, replace(before.drawn, **columns))


def test_a_candidate_that_falls_below_the_limit_is_held_back() -> None:
    good, bad = (
        simulate(
            strata=[Stratum(model=replace(JUDGED, win_rate=rate), conversations=8000, draw_probability=0.5)], design=Design(),
            runs=5, seed=4,
        )[0]
        for rate in (0.62, 0.42)
    )  # fmt: skip
    falling = spliced(good, bad, 18)
    for ends in (trusted_ends, corrected_ends):
        assert float(ends(pilots=[good], rule=RULE, design=Design()).migrate.mean()) == 1.0
        assert float(ends(pilots=[falling], rule=RULE, design=Design()).migrate.mean()) == 0.0


@pytest.mark.parametrize(
    ("design", "work"),
    [
        (Design(days=14), {}),
        (Design(weekend_volume=0.0), {}),
        (Design(delay_days=0), {}),
        (Design(), {"draw_probability": 1.0}),
        (Design(), {"conversations": 0.0}),
    ],
)
def test_what_is_just_allowed_is_simulated(design: Design, work: dict[str, float]) -> None:
    stratum = Stratum(**{"model": JUDGED, "conversations": 100.0} | work)  # type: ignore[arg-type]
    (found,) = simulate(strata=[stratum], design=design, runs=2, seed=1)
    assert found.people.n.shape == (2, design.days)
    assert (len(found.drawn.place) == found.people.n.sum()) == bool(work)


@pytest.mark.parametrize(
    "given",
    [{"tie_rate": 0.0}, {"win_rate": 0.15}, {"win_rate": 0.85}, {"icc": 0.0}, {"icc": 1.0}, {"pairs": 1.0}, {"pairs": 100.0}],
)
def test_models_at_their_limits_are_models(given: dict[str, float]) -> None:
    model = ConversationModel(**({"win_rate": 0.5} | given))
    assert float(model.of_pair.sum()) == pytest.approx(1.0)
    assert model.of_pair.min() >= -1e-12
    with pytest.raises(ValueError, match="win_rate"):
        ConversationModel(win_rate=0.86)


def test_single_pairs_are_conversations_of_one() -> None:
    assert sizes_of(1.0) == {1: pytest.approx(1.0)}


def test_the_weight_of_a_judge_is_the_slope_of_people_on_it_around_a_tie() -> None:
    model = ConversationModel(win_rate=0.65, pairs=1.0, judge_accuracy=0.8)
    cells = [
        (x - 0.5, y - 0.5, model.of_pair[row] * model.judge_table[row, column])
        for row, y in enumerate(OUTCOMES)
        for column, x in enumerate(OUTCOMES)
    ]
    slope = sum(x * y * p for x, y, p in cells) / sum(x * x * p for x, _, p in cells)
    assert model.judge_weight == pytest.approx(slope)
    # With one pair each and a label on all of them nothing is left but people's own spread.
    assert sum(model.corrected_parts) == pytest.approx(model.sd**2)
    assert model.sd**2 == pytest.approx(float(model.people @ VALUES**2) - 0.65**2)


NEED = Need(model=JUDGED, threshold=0.45, critical=2.0, corrected_critical=2.0)


def test_where_there_is_no_work_nothing_is_ever_shown() -> None:
    assert NEED.labels(conversations=0) is None
    assert NEED.days(conversations_per_day=0, labels_per_day=None) is None
    assert NEED.days(conversations_per_day=0, labels_per_day=5) is None
    assert NEED.days(conversations_per_day=50, labels_per_day=0) is None
    assert NEED.days(conversations_per_day=41, labels_per_day=None) == pytest.approx(NEED.conversations() / 41)
    assert NEED.distance(conversations=0, labels=None) == math.inf
    assert NEED.distance(conversations=0, labels=10) == math.inf
    assert NEED.distance(conversations=10, labels=0) == math.inf


def test_a_label_on_each_conversation_may_be_just_enough() -> None:
    need = replace(NEED, corrected_critical=2.1)
    assert [need.labels(conversations=number) for number in (527, 528)] == [None, 528]


def test_what_skips_lose_is_added_to_the_distance() -> None:
    lossy = replace(NEED, lost=0.01)
    plain = NEED.distance(conversations=1400, labels=300)
    assert lossy.distance(conversations=1400, labels=300) == pytest.approx(plain + 0.01)


@pytest.mark.parametrize("power", [0.0, 1.0, -0.1, 1.1])
def test_a_power_lies_between_0_and_1(power: float) -> None:
    with pytest.raises(ValueError, match="power"):
        critical_value(power=power, distance=0.05, standard_error=0.02)
