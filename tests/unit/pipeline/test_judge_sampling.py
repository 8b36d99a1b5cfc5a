"""What is judged where money is short: shares, draws, and estimates that stay unbiased."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from app.domain.epochs import Epoch
from app.domain.judge_sample import LEAST_SHARE, JudgeShare, chance_of_judging, judging_point
from app.domain.registered import RegisteredPlan
from app.pipeline.closing import select_evidence
from app.pipeline.conversations import conversations_of
from app.pipeline.judge_sampling import Demand, shares_of
from app.pipeline.judged_sample import sample_of
from app.pipeline.quality import Grounds, Judged, judge_quality
from tests.unit.pipeline.test_conversations import NOW, START, a_running_pilot
from tests.unit.pipeline.test_quality import PLAN, evidence_with, rows_of

WEEKS = [date(2026, 10, 5), date(2026, 10, 12)]


def demands(*pairs: int, label_probability: float = 0.0) -> list[Demand]:
    return [Demand(f"s{number}", WEEKS[0], each, Decimal("0.01"), label_probability) for number, each in enumerate(pairs)]


def shares(*pairs: int, left: str, coming: str = "0", label_probability: float = 0.0) -> list[float]:
    wanted = demands(*pairs, label_probability=label_probability)
    return [each.share for each in shares_of(wanted, left=Decimal(left), coming=Decimal(coming), version="v")]


def test_everything_is_judged_while_the_money_reaches() -> None:
    assert shares(100, 900, left="10") == [1.0, 1.0]
    assert shares(100, left="10", coming="9") == [1.0]
    assert shares(100, left="10", coming="9.01") != [1.0]


def test_short_money_is_shared_by_the_square_root_of_size_and_spent_whole() -> None:
    small, large = shares(100, 10_000, left="11")
    assert small * 10 == pytest.approx(large * 100, rel=1e-6)
    assert small * 100 * 0.01 + large * 10_000 * 0.01 == pytest.approx(11.0, rel=1e-6)
    small, large = shares(100, 10_000, left="50")
    assert small == 1.0
    assert large == pytest.approx(49 / 100, rel=1e-6)


def test_weeks_to_come_keep_their_part_and_no_stratum_is_left_out_altogether() -> None:
    assert shares(1000, left="10", coming="30") == [pytest.approx(0.25)]
    assert shares(1000, left="-3") == [LEAST_SHARE]


def test_what_people_look_at_is_paid_from_the_same_money() -> None:
    (share,) = shares(1000, left="5", label_probability=0.2)
    assert chance_of_judging(share, 0.2) == pytest.approx(0.5)


def test_more_money_draws_more_of_what_was_left_out_and_takes_nothing_back() -> None:
    left_out = Demand("s0", WEEKS[0], 600, Decimal("0.01"), 0.0, drawn=0.4)
    (grown,) = shares_of([left_out], left=Decimal(3), coming=Decimal(0), version="v")
    assert grown.share == pytest.approx(0.4 + 0.6 * 0.5)
    (whole,) = shares_of([left_out], left=Decimal(6), coming=Decimal(0), version="v")
    assert whole.share == 1.0


def decided(share: float) -> list[JudgeShare]:
    weeks = [date.fromordinal(START.date().toordinal() - START.weekday() + 7 * week) for week in range(5)]
    return [JudgeShare("v", segment, week, share, 1, Decimal(1)) for segment in ("a", "b") for week in weeks]


def test_each_drawn_conversation_weighs_one_over_its_chance() -> None:
    evidence = evidence_with(rows_of({"a": 0.6, "b": 0.3}))
    pilot = a_running_pilot()
    selection = select_evidence(pilot, evidence, now=NOW)
    talks = conversations_of(evidence, selection)
    plan = RegisteredPlan("seed", 0.05, (14, 21, 28), {"a": 0.5, "b": 0.0}, 1400, ("a", "b"))
    sample = sample_of(pilot, plan, decided(0.4), evidence, talks)
    of_a = talks.segments == "a"
    assert sample.chance[of_a].tolist() == pytest.approx([0.7] * of_a.sum())
    assert sample.chance[~of_a].tolist() == pytest.approx([0.4] * (~of_a).sum())
    assert sample.is_drawn[of_a].mean() == pytest.approx(0.7, abs=0.07)
    assert sample.is_drawn[~of_a].mean() == pytest.approx(0.4, abs=0.07)
    weighted, chosen = sample.of(evidence, selection, talks)
    assert chosen.counted.sum() == sample.is_drawn.sum()
    assert (evidence.exchanges.inclusion_probability == 1).all()
    assert set(np.round(weighted.exchanges.inclusion_probability, 6).tolist()) == {0.7, 0.4}
    assert sum(share.drawn for share in sample.shares) == sample.is_drawn.sum()
    assert "of 1,008 conversations" in sample.warnings[0]


def test_shares_of_one_change_nothing() -> None:
    evidence = evidence_with(rows_of({"a": 0.6}, days=3))
    pilot = a_running_pilot()
    selection = select_evidence(pilot, evidence, now=NOW)
    sample = sample_of(pilot, PLAN, decided(1.0), evidence, conversations_of(evidence, selection))
    assert sample.warnings == ()
    assert sample.of(evidence, selection, conversations_of(evidence, selection)) == (evidence, selection)


def judged_in_part(seed: int, share: dict[str, float]) -> Judged:
    evidence = evidence_with(rows_of({"a": 0.8, "b": 0.2}, ties=0.0))
    found = replace(a_running_pilot(), name=f"pilot-{seed}")
    selection = select_evidence(found, evidence, now=NOW)
    talks = conversations_of(evidence, selection)
    wanted = [JudgeShare("v", one.segment, one.week, share[one.segment], 1, Decimal(1)) for one in decided(0.5)]
    sample = sample_of(found, PLAN, wanted, evidence, talks)
    weighted, chosen = sample.of(evidence, selection, talks)
    grounds = Grounds(PLAN, Epoch(0, 1), 60, sample.chance)
    return judge_quality(found, grounds, weighted, weighted.arms["qwen"], chosen, talks, name="qwen")


def test_the_weighted_win_rate_is_that_of_all_conversations_on_average() -> None:
    values = [judged_in_part(seed, {"a": 0.9, "b": 0.1}).model.win_rate.value for seed in range(12)]
    # Unweighted, the segment that is looked at more would pull the mean to 0.74.
    assert np.mean([value for value in values if value is not None]) == pytest.approx(0.5, abs=0.03)


def test_points_are_even_and_independent_of_the_draws_for_people() -> None:
    points = np.array([judging_point("support", f"c-{number}") for number in range(2000)])
    assert points.mean() == pytest.approx(0.5, abs=0.03)
    assert len({judging_point("support", "c"), judging_point("other", "c")}) == 2
