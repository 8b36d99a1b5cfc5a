"""The watchers: what freezes, what only warns, and the words for it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from app.domain.drift import DriftModel, JudgeWeek, QualityWatch, Said
from app.pipeline.drift import drift_of
from app.pipeline.judge_watch import judge_watch
from app.pipeline.quality_watch import quality_watch
from app.pipeline.settlement import judge_of
from app.statistics.sums import Sums
from tests.builders import a_configuration
from tests.unit.pipeline.made_evidence import Grade, Made, made

FREE = {"input_usd_per_million_tokens": 0, "output_usd_per_million_tokens": 0}
JUDGED = a_configuration(judge={"base_url": "http://127.0.0.1:9/v1", "model": "m", **FREE})
LIMIT = 0.45


def days_of(levels: Sequence[float], conversations: int = 100) -> dict[int, Sums]:
    """Days whose conversations are half a spread above and below these levels."""
    spread = np.tile([-0.37, 0.37], conversations // 2)
    return {day: Sums.of(values=np.clip(level + spread, 0, 1)) for day, level in enumerate(levels, start=1)}


def watched(daily: Mapping[int, Sums], last_day: int, **more: Any) -> tuple[QualityWatch, Said]:
    return quality_watch(daily, days=range(1, last_day + 1), threshold=LIMIT, **more)


def wobbling(level: float, days: int) -> list[float]:
    """Levels that differ from day to day as much as drawing a hundred conversations makes them."""
    return [level + (0.03 if day % 2 else -0.03) for day in range(days)]


def test_a_candidate_that_stays_as_it_is_is_not_frozen() -> None:
    watch, said = watched(days_of(wobbling(0.5, 28)), 28)
    assert said == Said()
    assert (watch.days, watch.fell_on, watch.rose_on) == (28, [], [])
    assert watch.statistic is not None
    assert watch.limit is not None
    assert watch.statistic < watch.limit


def test_a_fall_to_below_the_limit_freezes_and_says_when() -> None:
    watch, said = watched(days_of(wobbling(0.5, 14) + wobbling(0.38, 10)), 24)
    assert watch.fell_on
    assert 15 <= watch.fell_on[0] <= 22
    (reason,) = said.reasons
    assert "fell about day 15" in reason
    assert "38.5% since then" in reason
    assert "50.0% before" in reason


def test_a_fall_to_what_is_still_far_above_the_limit_warns_only() -> None:
    watch, said = watched(days_of(wobbling(0.75, 14) + wobbling(0.62, 14)), 28)
    assert watch.fell_on
    assert said.reasons == ()
    assert "still above the limit 45.0%" in said.warnings[0]


def test_a_rise_is_noted_and_freezes_nothing() -> None:
    watch, said = watched(days_of(wobbling(0.4, 14) + wobbling(0.55, 14)), 28)
    assert watch.rose_on
    assert watch.fell_on == []
    assert said == Said()


def test_an_alarm_is_over_after_an_extension_without_another() -> None:
    daily = days_of(wobbling(0.6, 10) + wobbling(0.43, 32))
    watch, said = watched(daily, 42)
    (alarm,) = watch.fell_on
    assert said == Said()
    assert watched(daily, alarm + 1)[1].reasons
    assert watched(daily, alarm + 12)[1].reasons
    assert watched(daily, alarm + 16)[1] == Said()


def test_days_to_come_and_days_of_an_earlier_epoch_have_no_say() -> None:
    daily = days_of(wobbling(0.5, 14) + wobbling(0.35, 14))
    assert watched(daily, 14)[1] == Said()
    later = quality_watch(daily, days=range(15, 29), threshold=LIMIT)
    assert later[1] == Said()
    assert later[0].days == 14


def test_what_people_correct_moves_every_day_alike() -> None:
    daily = days_of(wobbling(0.62, 14) + wobbling(0.52, 14), conversations=400)
    plain, corrected = watched(daily, 28), watched(daily, 28, correction=-0.06)
    assert plain[0].fell_on == corrected[0].fell_on
    assert plain[1].reasons == ()
    assert "46.0% since then" in corrected[1].reasons[0]


@pytest.mark.parametrize("last_day", [0, 1])
def test_one_day_is_compared_with_none(last_day: int) -> None:
    watch, said = watched(days_of([0.5] * last_day), last_day)
    assert (watch.days, watch.statistic, said) == (last_day, None, Said())


def test_days_without_conversations_are_left_out() -> None:
    daily = days_of(wobbling(0.5, 10)) | {4: Sums()}
    watch, _ = watched(daily, 10)
    assert watch.days == 9


def mixed(weeks: Sequence[tuple[int, int]], good: float = 0.6, bad: float = 0.3) -> list[Made]:
    """For each week: so many short prompts, on which the candidate is good, and so many long ones, on which it is bad."""
    rows = []
    for week, (short, long) in enumerate(weeks):
        for number in range(short + long):
            kind = (good, 100.0) if number < short else (bad, 3000.0)
            rows.append(Made(f"w{week}-{number}", kind[0], day=week * 7 + 1 + number % 7, tokens=kind[1], turn=1))
    return rows


def drift(rows: Sequence[Made], days: int, configuration: Any = None) -> DriftModel:
    it = made(rows)
    return drift_of(
        configuration or a_configuration(), it.evidence, it.arm, it.pairs, it.talks, daily={}, days=range(1, days + 1)
    )


def test_a_mix_that_stays_says_nothing() -> None:
    found = drift(mixed([(200, 100), (190, 110), (205, 95)]), 21)
    assert [(week.week, week.conversations, week.cells) for week in found.mix] == [(2, 300, 2), (3, 300, 2)]
    assert not any(week.is_warning or week.freezes for week in found.mix)
    assert not found.frozen
    assert found.warnings == []


def test_another_mix_that_decides_nothing_is_a_warning() -> None:
    found = drift(mixed([(200, 100), (60, 240)], good=0.6, bad=0.55), 14)
    (week,) = found.mix
    assert week.is_warning
    assert not week.freezes
    assert week.psi is not None
    assert week.psi > 0.25
    assert not found.frozen
    assert "in week 2 the requests were mixed otherwise" in found.warnings[0]


def test_another_mix_that_decides_freezes_while_it_lasts() -> None:
    found = drift(mixed([(240, 60), (240, 60), (60, 240)]), 21)
    assert found.frozen
    assert "with all traffic mixed so, the candidate would reach 36.0%" in found.reasons[0]
    back = drift(mixed([(240, 60), (240, 60), (60, 240), (240, 60)]), 28)
    assert not back.frozen
    assert "in week 3" in back.warnings[0]


def test_weeks_that_are_not_over_are_not_compared() -> None:
    rows = mixed([(240, 60), (60, 240)])
    assert drift(rows, 13).mix == []
    assert len(drift(rows, 14).mix) == 1


def test_few_conversations_are_not_taken_for_another_mix() -> None:
    chance = np.random.default_rng(6)
    warned = 0
    for _ in range(60):
        rows = [
            Made(
                f"c{number}",
                day=1 + number % 14,
                segment=f"s{chance.integers(4)}",
                turn=float(chance.integers(1, 9)),
                tokens=float(chance.integers(1, 9000)),
            )
            for number in range(120)
        ]
        warned += drift(rows, 14).mix[0].is_warning
    assert warned <= 3


def test_a_conversation_is_one_unit_however_many_turns_it_has() -> None:
    short = [Made(f"a{number}", day=1 + number % 14, turn=1) for number in range(100)]
    long = [Made("b", day=9, turn=float(turn)) for turn in range(1, 200)]
    found = drift([*short, *long], 14)
    assert found.mix[0].conversations in (50, 51)
    assert not found.mix[0].is_warning


def test_a_week_without_requests_is_said_and_compared_with_nothing() -> None:
    found = drift([row for row in mixed([(50, 50), (50, 50), (50, 50)]) if not 8 <= row.day <= 14], 21)
    assert (found.mix[0].week, found.mix[0].conversations, found.mix[0].psi) == (2, 0, None)
    assert not found.frozen


def anchored(changes: Sequence[float], week: int = 2, version: str | None = None) -> list[Made]:
    """Pairs on which the judge said 0.5 at first, and that plus the change when it was asked again."""
    judge = judge_of(JUDGED)
    assert judge is not None
    assert judge.version is not None
    own = version or judge.version
    return [
        Made(
            f"c{number}",
            grades=(Grade(0.5, version=own), Grade(0.5 + change, grader="anchor", version=f"{own}@{week}")),
        )
        for number, change in enumerate(changes)
    ]


def judged(rows: Sequence[Made], last_day: int = 28) -> tuple[list[JudgeWeek], Said]:
    return judge_watch(JUDGED, made(rows).arm.grades, len(rows), last_day=last_day)


def test_a_judge_that_says_the_same_has_not_changed() -> None:
    ((week,), said) = judged(anchored([0.0] * 50))
    assert (week.change.value, week.change.n, week.has_changed, said) == (0.0, 50, False, Said())


def test_noise_in_both_directions_is_no_change() -> None:
    ((week,), said) = judged(anchored([0.5, -0.5] * 25))
    assert not week.has_changed
    assert said == Said()


def test_three_standard_errors_are_the_edge() -> None:
    # k of 50 that moved alike are √(49 k / (50 - k)) standard errors: 7 make 2.8, 8 make 3.05.
    assert not judged(anchored([-0.5] * 7 + [0.0] * 43))[0][0].has_changed
    ((week,), said) = judged(anchored([-0.5] * 8 + [0.0] * 42))
    assert week.has_changed
    assert "after week 2 about 50 pairs" in said.reasons[0]
    assert "-8.0%" in said.reasons[0]


def test_a_judge_that_moved_by_the_same_everywhere_has_changed() -> None:
    (_, said) = judged(anchored([0.25] * 30))
    assert "all of them alike" in said.reasons[0]


def test_too_few_anchors_say_nothing() -> None:
    ((week,), said) = judged(anchored([0.5] * 19))
    assert week.change.n == 19
    assert said == Said()


def test_weeks_that_are_not_over_and_other_versions_of_the_judge_are_not_looked_at() -> None:
    assert judged(anchored([0.5] * 50, week=3), last_day=20) == ([], Said())
    assert len(judged(anchored([0.5] * 50, week=3), last_day=21)[0]) == 1
    assert judged(anchored([0.5] * 50, version="another")) == ([], Said())


def test_a_week_in_which_it_had_changed_freezes_for_good() -> None:
    rows = [
        Made(row.conversation, grades=(*row.grades, Grade(0.5, grader="anchor", version=row.grades[1].version[:-1] + "3")))
        for row in anchored([0.5] * 25 + [0.0] * 25)
    ]
    (weeks, said) = judged(rows)
    assert [week.has_changed for week in weeks] == [True, False]
    assert said.reasons


def test_without_a_judge_to_ask_there_is_nothing_to_watch() -> None:
    rows = anchored([0.5] * 50)
    assert judge_watch(a_configuration(), made(rows).arm.grades, len(rows), last_day=28) == ([], Said())


def test_all_watchers_are_heard() -> None:
    rows = mixed([(280, 20), (60, 140)])
    again = anchored([-0.5] * 50)
    rows = [
        Made(row.conversation, row.value, day=row.day, tokens=row.tokens, turn=1, grades=other.grades)
        for row, other in zip(rows, [*again, *(Made("x") for _ in range(len(rows) - 50))], strict=True)
    ]
    it = made(rows)
    daily = days_of(wobbling(0.6, 8) + wobbling(0.3, 6))
    found = drift_of(JUDGED, it.evidence, it.arm, it.pairs, it.talks, daily=daily, days=range(1, 15))
    assert found.frozen
    assert [reason.split()[0:3] for reason in found.reasons] == [
        ["the", "candidate's", "quality"], ["in", "week", "2"], ["the", "judge", "has"],
    ]  # fmt: skip
