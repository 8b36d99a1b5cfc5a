"""What needs a person this week: what, who, and on which page."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from app.domain.configuration import PilotConfiguration
from app.domain.labelling import LABELS_NEEDED
from app.domain.rubric_table import asks_a_model
from app.domain.scorecard import Scorecard
from app.reports import figures
from app.reports.context import planned_days
from app.reports.weekly_facts import Week

LABELLER, OPERATOR, ENGINEER, LEADER = "a labeller", "an operator", "an engineer", "who signs"
# From here on a budget is worth a line, and a decision is about to end.
BUDGET_SHARE = 0.8
SOON = timedelta(days=14)
WEEK = timedelta(days=7)
LISTED = 3
PAGES = {
    "alerts": "Alerts", "quality": "Quality", "label": "Label pairs", "coverage": "Coverage", "settings": "Settings",
    "decision": "Decision", "money": "Money", "hours": "Hours", "reports": "Reports",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do; `where` is the address of its page within the service."""

    what: str
    who: str
    where: str

    @property
    def page(self) -> str:
        """What the page is called."""
        return PAGES.get(self.where.rpartition("/")[2], self.where)


def tasks_of(scorecard: Scorecard, configuration: PilotConfiguration, week: Week) -> list[Task]:
    """What only a person can do, the most pressing first."""
    base = f"/pilots/{quote(scorecard.pilot, safe='')}"
    return [
        *_alarms(week, base),
        *_drift(scorecard, base),
        *_labels(scorecard, configuration, base),
        *_gaps(scorecard, week, base),
        *_budget(configuration, week, base),
        *_decisions(week, configuration, base),
        *_missing_inputs(scorecard, base),
        *_hours(configuration, week, base),
        *_invoice(scorecard, week, base),
        *_end(scorecard, configuration, week, base),
    ]


def _alarms(week: Week, base: str) -> Iterator[Task]:
    for alarm in week.alarms:
        if alarm.is_open:
            yield Task(f"{alarm.title}: {alarm.text}", OPERATOR, f"{base}/alerts")


def _drift(scorecard: Scorecard, base: str) -> Iterator[Task]:
    for name, card in scorecard.candidates.items():
        if card.drift.frozen:
            said = "; ".join(card.drift.reasons) or "something moved"
            yield Task(
                f"The answer on {name} is frozen ({said}): find out why, then extend or begin anew", OPERATOR, f"{base}/quality"
            )


def _labels(scorecard: Scorecard, configuration: PilotConfiguration, base: str) -> Iterator[Task]:
    segments = configuration.segment
    if segments and not any(asks_a_model(segment.grader) for segment in segments):
        return
    plan = scorecard.registration.plan
    look = next((day for day in plan.looks if day > scorecard.day), None) if plan is not None else None
    until = f" before the next look after day {look}" if look is not None else ""
    for name, card in scorecard.candidates.items():
        quality = card.quality
        parts = []
        if quality.missing:
            parts.append(f"{figures.count(quality.missing)} drawn pairs of {name} wait for an answer{until}")
        if quality.usable_labels < LABELS_NEEDED:
            left = LABELS_NEEDED - quality.usable_labels
            parts.append(f"{left} more usable labels on {name} until the judge's word can carry a verdict")
        if parts:
            yield Task("; ".join(parts), LABELLER, f"{base}/label")


def _gaps(scorecard: Scorecard, week: Week, base: str) -> Iterator[Task]:
    hours = [each for each in scorecard.coverage.shed_by_hour if each.shed and each.hour >= week.begins]
    before = week.earlier.card.coverage.unknown_seconds if week.earlier is not None and week.earlier.card is not None else 0.0
    unknown = scorecard.coverage.unknown_seconds - before
    parts = []
    if hours:
        listed = ", ".join(f"{each.hour:%a %d %b %H:00}" for each in hours[:LISTED])
        more = f" and {len(hours) - LISTED} more" if len(hours) > LISTED else ""
        in_hours = f"{len(hours)} {'hour' if len(hours) == 1 else 'hours'} ({listed}{more}, UTC)"
        parts.append(f"{sum(each.shed for each in hours):,} requests were not mirrored in {in_hours}")
    if unknown >= 60:  # noqa: PLR2004 - less than a minute is a restart
        parts.append(f"for {unknown / 60:,.0f} minutes nobody counted production's requests")
    if parts:
        yield Task("; ".join(parts), OPERATOR, f"{base}/coverage")


def _budget(configuration: PilotConfiguration, week: Week, base: str) -> Iterator[Task]:
    judge, spent = configuration.judge, week.judge_spent_usd
    if judge is None or spent is None or not judge.budget_usd:
        return
    share = spent / judge.budget_usd
    if share >= BUDGET_SHARE:
        of_it = f"{figures.money(spent)} of {figures.money(judge.budget_usd)}"
        yield Task(
            f"{int(100 * share)}% of the judge's budget is spent ({of_it}): raise it, or it asks no more",
            OPERATOR,
            f"{base}/settings",
        )


def _decisions(week: Week, configuration: PilotConfiguration, base: str) -> Iterator[Task]:
    timezone = configuration.pilot.timezone
    for each in week.decisions:
        word = "ended" if each.expires_at <= week.made_at else "ends"
        when = figures.local_time(each.expires_at, timezone)
        yield Task(
            f"The decision on {each.candidate} ({each.outcome}) {word} on {when}: look again, sign anew",
            LEADER,
            f"{base}/decision",
        )


def _missing_inputs(scorecard: Scorecard, base: str) -> Iterator[Task]:
    missing = sorted({name for card in scorecard.candidates.values() for name in card.cost.missing})
    if missing:
        more = f" and {len(missing) - LISTED} more" if len(missing) > LISTED else ""
        listed = figures.names(missing[:LISTED]) + more
        yield Task(f"The saving is unknown without {listed}: give it in pilot.toml", OPERATOR, f"{base}/money")


def _hours(configuration: PilotConfiguration, week: Week, base: str) -> Iterator[Task]:
    today = week.made_at.astimezone(ZoneInfo(configuration.pilot.timezone)).date()
    if week.last_worked is not None and today - week.last_worked <= WEEK:
        return
    last = f"the last day that is logged is {week.last_worked:%d %b %Y}" if week.last_worked is not None else "none ever were"
    yield Task(
        f"No engineering hours are logged for this week ({last}); hours that are not logged count as none",
        ENGINEER,
        f"{base}/hours",
    )


def _invoice(scorecard: Scorecard, week: Week, base: str) -> Iterator[Task]:
    has_money = any(card.cost.incumbent_usd_per_month.value is not None for card in scorecard.candidates.values())
    if not week.has_invoice and has_money:
        yield Task("No invoice of the vendor stands beside the measured costs: pilot invoice import", OPERATOR, f"{base}/money")


def _end(scorecard: Scorecard, configuration: PilotConfiguration, week: Week, base: str) -> Iterator[Task]:
    if week.is_last:
        yield Task(
            "The pilot's days are over: read the final report, sign the decision, then pilot stop", LEADER, f"{base}/decision"
        )
        return
    left = planned_days(scorecard, configuration) - scorecard.day
    undecided = [name for name, card in scorecard.candidates.items() if card.verdict.outcome.value == "EXTEND"]
    days = "1 day is" if left == 1 else f"{left} days are"
    if scorecard.day and left <= WEEK.days and undecided:
        yield Task(
            f"{days} left and nothing is decided on {figures.names(undecided)}: label, or plan to extend",
            OPERATOR,
            f"{base}/reports",
        )
