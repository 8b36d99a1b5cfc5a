"""The table of alarm rules: below, at and above each limit, what is unknown, and what does not flap."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.domain.notify_table import AlertsTable
from app.pipeline.alert_rules import (
    RULE_NAMES,
    RULES,
    ArmSeen,
    BudgetSeen,
    DriftSeen,
    Finding,
    JudgeSeen,
    LiveSeen,
    Seen,
    Sign,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
RAISE, KEEP, CLEAR = Sign.RAISE, Sign.KEEP, Sign.CLEAR
ALIVE = LiveSeen(counted_at=NOW, heard_at=NOW, recorded_at=NOW, asked=10, answered=10, asked_since=NOW - timedelta(minutes=9))


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def said(rule: str, **seen: object) -> list[Finding]:
    given = {"limits": AlertsTable()} | seen
    return list(RULE_NAMES[rule].look(Seen(now=NOW, **given)))  # type: ignore[arg-type]


def the_one(rule: str, **seen: object) -> Finding:
    (found,) = said(rule, **seen)
    return found


def deaf(minutes: float, **more: Any) -> LiveSeen:
    """A mirror that has heard nothing since requests wait."""
    return replace(ALIVE, waiting_since=ago(minutes), heard_at=ago(minutes), **more)


def mute(minutes: float, **more: Any) -> LiveSeen:
    """A producer that has counted nothing."""
    return replace(ALIVE, counted_at=ago(minutes), heard_at=ago(minutes), **more)


@pytest.mark.parametrize(
    ("live", "gateway", "mirror", "pairs"),
    [
        (LiveSeen(), KEEP, KEEP, KEEP),  # nothing ever came live
        (ALIVE, CLEAR, CLEAR, CLEAR),
        (replace(ALIVE, recorded_at=None), KEEP, KEEP, KEEP),  # what is not stored yet must not look as if it had not come
        (deaf(30, recorded_at=ago(5)), KEEP, KEEP, KEEP),
        (mute(5), CLEAR, CLEAR, CLEAR),
        (mute(5.1), KEEP, CLEAR, CLEAR),
        (mute(9.9), KEEP, CLEAR, CLEAR),
        (mute(10), RAISE, CLEAR, CLEAR),
        (mute(300), RAISE, CLEAR, CLEAR),
        (mute(300, is_gateway=False), KEEP, CLEAR, CLEAR),  # an application at rest
        (deaf(5), CLEAR, CLEAR, CLEAR),
        (deaf(9.9), CLEAR, KEEP, CLEAR),
        (deaf(10), CLEAR, RAISE, CLEAR),
        (replace(ALIVE, waiting_since=ago(10), heard_at=None), CLEAR, RAISE, CLEAR),
        (replace(ALIVE, waiting_since=ago(30), heard_at=ago(1)), CLEAR, CLEAR, CLEAR),  # one number is lost, others come
        (replace(ALIVE, heard_at=ago(200)), CLEAR, CLEAR, CLEAR),  # a quiet night: nothing waits
        (replace(ALIVE, answered=0, asked_since=ago(7.9)), CLEAR, CLEAR, KEEP),
        (replace(ALIVE, answered=0, asked_since=ago(8)), CLEAR, CLEAR, RAISE),
        (replace(ALIVE, answered=0, asked=2, asked_since=ago(9)), CLEAR, CLEAR, KEEP),
        (replace(ALIVE, answered=0, asked=0, asked_since=None), CLEAR, CLEAR, KEEP),
        (replace(ALIVE, answered=1, asked_since=ago(9)), CLEAR, CLEAR, CLEAR),
    ],
)
def test_a_silent_mirror_is_told_from_a_quiet_night(live: LiveSeen, gateway: Sign, mirror: Sign, pairs: Sign) -> None:
    found = said("mirror_silent", live=live)
    assert {each.subject: each.sign for each in found} == {"gateway": gateway, "mirror": mirror, "pairs": pairs}
    assert all(bool(each.text) is (each.sign is RAISE) for each in found)


@pytest.mark.parametrize(
    ("minutes", "sign"), [(None, KEEP), (0, CLEAR), (1, CLEAR), (1.1, KEEP), (4.9, KEEP), (5, RAISE), (600, RAISE)]
)
def test_a_recorder_that_is_behind_rings_at_five_minutes_and_ends_at_one(minutes: float | None, sign: Sign) -> None:
    live = replace(ALIVE, recorded_at=None if minutes is None else ago(minutes))
    assert the_one("recorder_behind", live=live).sign is sign


@pytest.mark.parametrize(
    ("captured", "countable", "below", "sign"),
    [
        (0, None, 0.9, KEEP),
        (0, 49, 0.9, KEEP),  # too few to say
        (44, 50, 0.9, RAISE),
        (899, 1000, 0.9, RAISE),
        (900, 1000, 0.9, KEEP),
        (919, 1000, 0.9, KEEP),
        (920, 1000, 0.9, CLEAR),
        (0, 1000, 0.0, CLEAR),
        (999, 1000, 1.0, RAISE),
        (1000, 1000, 1.0, CLEAR),
    ],
)
def test_coverage_rings_below_its_limit_and_ends_above_it(
    captured: int, countable: int | None, below: float, sign: Sign
) -> None:
    live = replace(ALIVE, captured=captured, countable=countable)
    found = the_one("coverage_low", live=live, limits=AlertsTable(coverage_below=below))
    assert found.sign is sign


@pytest.mark.parametrize(
    ("arm", "sign"),
    [
        (ArmSeen("qwen"), KEEP),  # nothing was asked of it
        (ArmSeen("qwen", 2, 2, ago(6)), KEEP),
        (ArmSeen("qwen", 3, 3, ago(4.9)), KEEP),
        (ArmSeen("qwen", 3, 3, ago(5)), RAISE),
        (ArmSeen("qwen", 900, 900, ago(6), is_breaker_open=True), RAISE),
        (ArmSeen("qwen", 900, 899, ago(6)), KEEP),  # one answer in between does not end it
        (ArmSeen("qwen", 10, 6, ago(6)), KEEP),
        (ArmSeen("qwen", 10, 5, ago(6)), CLEAR),
        (ArmSeen("qwen", 10, 5, ago(6), is_breaker_open=True), KEEP),
        (ArmSeen("qwen", 10, 0), CLEAR),
    ],
)
def test_a_candidate_is_down_that_only_fails_and_back_when_half_is_answered(arm: ArmSeen, sign: Sign) -> None:
    found = the_one("candidate_down", arms=(arm,))
    assert (found.subject, found.sign) == ("qwen", sign)


@pytest.mark.parametrize(
    ("spent", "limit", "signs"),
    [
        (Decimal("39.99"), Decimal(50), {"judge 0.8": CLEAR, "judge 1": CLEAR}),
        (Decimal(40), Decimal(50), {"judge 0.8": RAISE, "judge 1": CLEAR}),
        (Decimal("49.99"), Decimal(50), {"judge 0.8": RAISE, "judge 1": CLEAR}),
        (Decimal(50), Decimal(50), {"judge 0.8": KEEP, "judge 1": RAISE}),  # only the larger share rings
        (None, Decimal(50), {"judge 0.8": KEEP, "judge 1": KEEP}),
        (Decimal(9), None, {"judge 0.8": CLEAR, "judge 1": CLEAR}),
        (Decimal(0), Decimal(0), {"judge 0.8": CLEAR, "judge 1": CLEAR}),
    ],
)
def test_a_budget_rings_at_each_of_its_shares(spent: Decimal | None, limit: Decimal | None, signs: dict[str, Sign]) -> None:
    found = said("budget", budgets=(BudgetSeen("judge", spent, limit),))
    assert {finding.subject: finding.sign for finding in found} == signs


def test_drift_rings_while_an_answer_is_frozen() -> None:
    found = said("drift", drifts=(DriftSeen("qwen", True, ("the mix changed",)), DriftSeen("llama", False)))
    assert [(each.subject, each.sign) for each in found] == [("qwen", RAISE), ("llama", CLEAR)]
    assert "the mix changed" in found[0].text


@pytest.mark.parametrize("cause", ["stopped", "canaries", "control", "anchors"])
@pytest.mark.parametrize(("words", "sign"), [(None, KEEP), ("", CLEAR), ("its key is not set", RAISE)])
def test_a_suspended_judge_rings_for_each_cause(cause: str, words: str | None, sign: Sign) -> None:
    found = {each.subject: each.sign for each in said("judge_suspended", judge=JudgeSeen(**{cause: words}))}
    assert found.pop(cause) is sign
    assert set(found.values()) == {KEEP}


def test_of_what_is_not_watched_nothing_is_said() -> None:
    assert [finding for rule in RULES for finding in rule.look(Seen(now=NOW, limits=AlertsTable()))] == [
        Finding(cause, KEEP) for cause in ("stopped", "canaries", "control", "anchors")
    ]


def test_what_is_unknown_neither_rings_nor_ends_an_alarm() -> None:
    nothing = Seen(
        now=NOW,
        limits=AlertsTable(),
        live=LiveSeen(),
        arms=(ArmSeen("qwen"),),
        budgets=(BudgetSeen("judge", None, Decimal(5)),),
    )
    assert {finding.sign for rule in RULES for finding in rule.look(nothing)} == {KEEP}


def test_a_figure_that_wavers_around_its_limit_changes_an_alarm_once() -> None:
    is_open, changes = False, 0
    for captured in (895, 905, 898, 903, 899, 910, 895, 919):
        sign = the_one("coverage_low", live=replace(ALIVE, captured=captured, countable=1000)).sign
        if (sign is RAISE and not is_open) or (sign is CLEAR and is_open):
            is_open, changes = not is_open, changes + 1
    assert (is_open, changes) == (True, 1)


def test_every_rule_says_its_threshold_and_what_to_do() -> None:
    assert len(RULE_NAMES) == len(RULES)
    for rule in RULES:
        assert rule.severity in ("warning", "critical")
        assert rule.threshold(AlertsTable())
        assert rule.advice.endswith(".")
    assert RULE_NAMES["budget"].threshold(AlertsTable()) == "at 80% and 100% of each budget; ends when the budget is raised"


def test_all_of_a_budget_is_said_only_where_nothing_is_left() -> None:
    nearly = said("budget", budgets=(BudgetSeen("judge", Decimal("99.90"), Decimal(100)),))
    assert [found.text for found in nearly if found.sign is Sign.RAISE] == [
        "99% of the judge's budget is spent: $99.90 of $100.00"
    ]
