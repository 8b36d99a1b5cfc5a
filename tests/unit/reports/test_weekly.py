"""The top of a weekly report: what changed, what needs a person, and that it stays short."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from app.domain.estimate_models import MoneyEstimate
from app.domain.registration_models import ChangeModel
from app.domain.scorecard import CandidateModel, EstimateModel, HourCount, Scorecard
from app.domain.words import GateOutcome, Outcome
from app.reports.document import Bullets, Document, Paragraph, Section, Table
from app.reports.markdown import render_markdown
from app.reports.weekly import MOST, with_week
from app.reports.weekly_changes import changes_between, figures_table
from app.reports.weekly_facts import AlarmSeen, EarlierReport, Expiring, Week
from app.reports.weekly_tasks import tasks_of
from tests.unit.reports.examples import (
    MADE_AT,
    STARTS,
    a_candidate,
    a_document,
    a_full_configuration,
    a_quality,
    a_scorecard,
    a_verdict,
    gates,
    hybrid,
    migrate,
    nothing_imported,
)

BEGAN = MADE_AT - timedelta(days=7)
QUIET = Week(made_at=MADE_AT, begins=BEGAN, earlier=None, last_worked=MADE_AT.date(), has_invoice=True)
CONFIGURATION = a_full_configuration()


def qwen(card: Scorecard) -> CandidateModel:
    return card.candidates["qwen"]


def earlier(card: Scorecard | None) -> EarlierReport:
    return EarlierReport(12, BEGAN, "ab" * 32, card)


def week_of(card: Scorecard, week: Week) -> tuple[Section, Document]:
    document = with_week(a_document("hybrid"), card, CONFIGURATION, week)
    return document.sections[0], document


def lines(section: Section) -> list[str]:
    return [item for block in section.blocks if isinstance(block, Bullets) for item in block.items]


def texts(section: Section) -> str:
    return " ".join(block.text for block in section.blocks if isinstance(block, Paragraph))


def before(**replaced: object) -> Scorecard:
    """What stood there a week ago: nothing decided, less known."""
    card = a_candidate(a_verdict(Outcome.EXTEND), quality=a_quality(0.5), gates=gates(quality=GateOutcome.PASSES))
    return a_scorecard({"qwen": card.model_copy(update=replaced)}, day=21)


def test_the_first_report_says_so_and_when_the_pilot_began() -> None:
    section, document = week_of(hybrid(), QUIET)
    assert section.title == "This week"
    assert texts(section).startswith("This is the first weekly report: there is none to compare with. The pilot began on 2 Nov")
    assert not any(block.caption == "A week ago and now" for block in section.blocks if isinstance(block, Table))
    assert document.sections[1:] == a_document("hybrid").sections
    assert Document.model_validate(document.model_dump(mode="json")) == document


def test_a_pilot_of_which_no_day_is_closed_has_a_first_report_too() -> None:
    section, _ = week_of(nothing_imported(), QUIET)
    assert "no day is closed yet" in texts(section)


def test_the_last_one_says_so() -> None:
    section, _ = week_of(hybrid(), replace(QUIET, is_last=True, earlier=earlier(before())))
    assert "this is the last weekly report" in texts(section)
    assert any("sign the decision" in task.what for task in tasks_of(hybrid(), CONFIGURATION, replace(QUIET, is_last=True)))


def test_a_report_of_another_version_is_not_compared() -> None:
    section, _ = week_of(hybrid(), replace(QUIET, earlier=earlier(None)))
    assert "cannot be compared" in texts(section)


def test_verdict_and_gates_come_first_with_before_and_after() -> None:
    section, _ = week_of(hybrid(), replace(QUIET, earlier=earlier(before())))
    assert lines(section)[0] == (
        "The answer on qwen was “Not enough evidence yet” and is now “Move these kinds of work, keep the rest”."
    )
    assert lines(section)[1].startswith("qwen, quality: was “passes”, is now “unknown”: the lower bound 44.4%")
    assert "Compared with report 12 of 23 Nov 2026" in texts(section)
    assert "(fingerprint abababababab)" in texts(section)


def test_figures_have_both_weeks_with_intervals_and_a_signed_difference() -> None:
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in figures_table(before(), hybrid()).rows}
    assert rows["Win rate of qwen (n = 2,012)"] == ["50.0% (46.8 to 53.2%)", "47.4% (44.2 to 50.6%)", "-2.6 points"]
    assert rows["Saving a month if all moved to qwen (n = 3,140)"][-1] == "±0"
    assert rows["Requests captured (n = 3,581)"][-1] == "±0"
    assert rows["Labels of people on qwen"] == ["742", "742", "±0"]
    assert rows["Spent by the pilot itself on paid calls"] == ["$38.20", "$38.20", "±0"]


def test_the_saving_of_a_split_is_compared_with_that_of_the_same_split_alone() -> None:
    cost = qwen(hybrid()).cost.model_copy(update={"saving_of_split_usd_per_month": MoneyEstimate(value=Decimal(3085))})
    split = hybrid().model_copy(update={"candidates": {"qwen": qwen(hybrid()).model_copy(update={"cost": cost})}})
    same = {row[0].text for row in figures_table(split, split).rows}
    assert "Saving a month by moving the named kinds to qwen" in same
    other = {row[0].text: row[-1].text for row in figures_table(before(), split).rows}
    assert other["Saving a month if all moved to qwen (n = 3,140)"] == "±0"


def test_a_win_rate_is_not_compared_with_one_that_people_corrected() -> None:
    quality = a_quality(
        0.474, rests_on="corrected", win_rate_human_corrected=EstimateModel(value=0.4, low=0.3, high=0.5, n=900)
    )
    now = a_scorecard({"qwen": qwen(hybrid()).model_copy(update={"quality": quality})})
    rows = {row[0].text: row[-1].text for row in figures_table(hybrid(), now).rows}
    assert rows["Win rate of qwen, as judge and rules say (n = 2,012)"] == "±0"


def test_what_became_known_and_what_got_worse_beyond_its_interval_is_told() -> None:
    was = before(reliability=qwen(hybrid()).reliability.model_copy(update={"candidate_failure_rate": EstimateModel()}))
    told = [change.text for change in changes_between(was, hybrid(), since=BEGAN)]
    assert "Failure rate of qwen is known now: 0.57% (0.37 to 0.91%)." in told
    worse = before(quality=a_quality(0.6))
    told = [change.text for change in changes_between(worse, hybrid(), since=BEGAN)]
    assert "Win rate of qwen got worse: 60.0% (56.8 to 63.2%) a week ago, 47.4% (44.2 to 50.6%) now." in told
    assert not any("got worse" in change.text for change in changes_between(before(), hybrid(), since=BEGAN))
    lost = changes_between(hybrid(), was, since=BEGAN)
    assert any("Failure rate of qwen is not known any more; it was 0.57%" in change.text for change in lost)


def test_candidates_that_come_and_go_are_told() -> None:
    two = a_scorecard({"qwen": qwen(hybrid()), "llama": qwen(migrate())})
    assert "llama is compared for the first time." in [c.text for c in changes_between(hybrid(), two, since=BEGAN)]
    assert "llama is no longer compared." in [c.text for c in changes_between(two, hybrid(), since=BEGAN)]


@pytest.mark.parametrize(("days", "is_told"), [(-1, False), (1, True)])
def test_changes_of_settings_are_told_if_they_are_of_this_week(days: int, *, is_told: bool) -> None:
    change = ChangeModel(
        at=BEGAN + timedelta(days=days), by="ops", path="quality.margin", before=0.05, after=0.1, touches="margin"
    )
    card = hybrid().model_copy(update={"registration": hybrid().registration.model_copy(update={"changes": [change]})})
    told = [each.text for each in changes_between(hybrid(), card, since=BEGAN)]
    assert told == (["ops changed quality.margin from 0.05 to 0.1; the decision rests on it (margin)."] if is_told else [])


def test_nothing_changed_is_said_in_a_sentence() -> None:
    section, _ = week_of(hybrid(), replace(QUIET, earlier=earlier(hybrid())))
    (bullets,) = (block for block in section.blocks if isinstance(block, Bullets))
    assert bullets.items == ()
    assert bullets.when_empty.startswith("Nothing that would be told")


def an_alarm(number: int, *, is_open: bool = False) -> AlarmSeen:
    return AlarmSeen("Too few requests are captured", f"{number} of 1,000", BEGAN + timedelta(hours=number), is_open)


def test_at_most_seven_lines_stand_at_the_top_and_the_rest_at_the_end() -> None:
    alarms = [replace(an_alarm(number), title=f"Alarm of kind {number}") for number in range(9)]
    section, document = week_of(hybrid(), replace(QUIET, earlier=earlier(before()), alarms=alarms))
    assert len(lines(section)) == MOST
    assert "are at the end of this report" in texts(section)
    last = document.sections[-1]
    assert (last.slug, last.title) == ("week-more", "More of this week")
    assert len(lines(section)) + len(lines(last)) == 11
    assert "More of this week" in render_markdown(document)


def test_an_alarm_that_rang_often_is_one_line() -> None:
    alarms = [an_alarm(number, is_open=number == 1) for number in (3, 1, 2)]
    section, _ = week_of(hybrid(), replace(QUIET, alarms=alarms))
    assert lines(section) == [
        "Alarm “Too few requests are captured”, 3 times, at last on 23 Nov 2026, 12:12; it holds still: 3 of 1,000."
    ]


def test_each_task_says_who_and_where() -> None:
    shed = HourCount(hour=BEGAN + timedelta(hours=3), shed=1200)
    card = hybrid()
    coverage = card.coverage.model_copy(update={"shed_by_hour": [shed], "unknown_seconds": 720.0})
    quality = a_quality(usable_labels=41, drawn=300, missing=60)
    changed = qwen(card).model_copy(update={"quality": quality})
    card = card.model_copy(update={"coverage": coverage, "candidates": {"qwen": changed}})
    week = Week(
        made_at=MADE_AT,
        begins=BEGAN,
        earlier=None,
        alarms=[an_alarm(1, is_open=True), an_alarm(2)],
        last_worked=date(2026, 11, 20),
        decisions=[Expiring("qwen", "MIGRATE", datetime(2026, 12, 5, tzinfo=UTC))],
        judge_spent_usd=Decimal(45),
    )
    tasks = tasks_of(card, CONFIGURATION, week)
    assert [task.where.removeprefix("/pilots/support-bot/") for task in tasks] == [
        "alerts", "label", "coverage", "settings", "decision", "hours", "money",
    ]  # fmt: skip
    assert all(task.what and task.who and task.page != task.where for task in tasks)
    said = " | ".join(task.what for task in tasks)
    assert "60 drawn pairs of qwen wait for an answer" in said
    assert "159 more usable labels on qwen" in said
    assert "1,200 requests were not mirrored in 1 hour (Mon 23 Nov 11:00, UTC)" in said
    assert "for 12 minutes nobody counted" in said
    assert "90% of the judge's budget is spent ($45 of $50)" in said
    assert "The decision on qwen (MIGRATE) ends on 5 Dec 2026" in said
    assert "the last day that is logged is 20 Nov 2026" in said


def test_a_quiet_week_needs_nobody() -> None:
    assert tasks_of(hybrid(), CONFIGURATION, QUIET) == []
    section, _ = week_of(hybrid(), QUIET)
    assert "Nothing needs a person this week." in texts(section)
    assert STARTS < BEGAN
