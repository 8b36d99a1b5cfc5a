"""What the overview shows, in words: conditions at a glance, the present moment, how far the pilot is."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from app.dashboard.standing import Standing
from app.dashboard.views import BEAT_SIGNS
from app.domain.labelling import LABELS_NEEDED
from app.domain.pilot import Pilot
from app.domain.rubric_table import asks_a_model
from app.domain.scorecard import Scorecard
from app.domain.words import GateName, GateOutcome, PilotState
from app.pipeline.pulse import Pulse, Traffic, beat_of
from app.pipeline.status import current_day, days_left
from app.reports import figures
from app.reports.answer import answer_of, page_one
from app.reports.context import Subject
from app.reports.document import Answer, Block, Bullets, Paragraph
from app.reports.glance import Glance, glances
from app.reports.notices import notices
from app.reports.pack.blocks import missing_table
from app.reports.wording import COVERAGE_REASONS, GATE_OUTCOMES, GATE_SIGNS, NOT_TESTED, plain
from app.store.live_status import Heard

PLACES = {
    GateName.QUALITY: ("Quality", "quality"),
    GateName.LATENCY: ("Latency", "latency"),
    GateName.RELIABILITY: ("Reliability", "reliability"),
    GateName.SAVING: ("Saving", "money"),
    GateName.CONSTRAINTS: ("Constraints", "settings"),
}
NO_SAY = "no limit is set, so it has no say"
SHOWN_ALERTS = 5
MOST_REASONS = 3
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure of the overview.

    Attributes:
        sign: Stands before the value.
        place: The page that says more.
        number: What was measured, under the value.
        needed: What it is held against.
    """

    title: str
    value: str
    detail: str
    sign: str = ""
    place: str | None = None
    number: str = ""
    needed: str = ""


@dataclass(frozen=True, slots=True)
class CandidateView:
    """One candidate: the verdict, what must not be missed, its conditions, what is open."""

    arm: int
    name: str
    answer: Answer
    notices: tuple[Paragraph, ...]
    gates: tuple[Tile, ...]
    open: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class NowView:
    """The present moment: when it was read, tiles, and alarms that hold."""

    at: str
    tiles: tuple[Tile, ...]
    alerts: tuple[tuple[str, str, str], ...]
    more_alerts: int


def candidate_view(subject: Subject) -> CandidateView:
    """A candidate in words."""
    verdict = subject.card.verdict
    return CandidateView(
        arm=subject.arm,
        name=subject.name,
        answer=answer_of(subject),
        notices=notices(subject),
        gates=tuple(_gate_tile(each) for each in glances(subject)),
        open=(
            _missing(subject),
            Bullets(
                title="What was not tested",
                items=tuple(NOT_TESTED.get(item, item) for item in verdict.not_tested),
                when_empty="Nothing was left out.",
            ),
        ),
    )


def _missing(subject: Subject) -> Block:
    """What would change the answer; where evidence is missing, with who gives it and by when."""
    leadership = page_one(subject)
    if leadership.missing:
        return missing_table(leadership)
    return Bullets(
        title="What would change this answer",
        items=tuple(subject.card.verdict.would_change),
        when_empty="Nothing is missing that would change it.",
    )


def _gate_tile(glance: Glance) -> Tile:
    title, place = PLACES[glance.gate.name]
    outcome = glance.gate.outcome
    needed = f"needed: {glance.needed}" if glance.needed else NO_SAY if outcome is GateOutcome.NOT_REQUIRED else ""
    return Tile(title, GATE_OUTCOMES[outcome], glance.rests_on, GATE_SIGNS[outcome], place, glance.number, needed)


def now_view(pulse: Pulse) -> NowView:
    """The present moment in words."""
    timezone = pulse.pilot.configuration.pilot.timezone
    shown = pulse.alerts[:SHOWN_ALERTS]
    return NowView(
        at=f"{figures.local_time(pulse.now, timezone)} ({timezone})",
        tiles=tuple(_now_tiles(pulse)),
        alerts=tuple((each.severity, each.text, _ago(each.opened_at, pulse.now)) for each in shown),
        more_alerts=len(pulse.alerts) - len(shown),
    )


def _now_tiles(pulse: Pulse) -> Iterator[Tile]:
    beat, because = beat_of(pulse)
    yield Tile("Mirror", beat.value, because, BEAT_SIGNS[beat], "coverage")
    if pulse.heard is not None:
        yield _last_pair(pulse, pulse.heard)
    if pulse.hour is not None:
        yield _captured("Captured, last hour", pulse.hour)


def _last_pair(pulse: Pulse, heard: Heard) -> Tile:
    """When the newest request that was answered came; of several candidates each one's."""
    known = [answer.answered_at for answer in pulse.answers.values() if answer.answered_at is not None]
    each = "; ".join(f"{name} {_ago(answer.answered_at, pulse.now)}" for name, answer in pulse.answers.items())
    detail = (
        f"Arrival of the newest request that was answered. Newest request of all: {_ago(heard.last_request_at, pulse.now)}."
    )
    several = each if len(pulse.answers) > 1 else ""
    return Tile("Last pair", _ago(max(known, default=None), pulse.now), detail, number=several)


def _captured(title: str, traffic: Traffic) -> Tile:
    if not traffic.finished:
        return Tile(title, figures.UNKNOWN, "No finished request in this time.", place="coverage")
    of = f"{figures.count(traffic.captured)} of {figures.count(traffic.finished)} finished requests"
    left = sorted(
        ((n, reason) for reason, n in traffic.by_reason.items() if reason not in ("captured", "pending")), reverse=True
    )
    listed = [f"{plain(reason, COVERAGE_REASONS)}: {figures.count(n)}" for n, reason in left[:MOST_REASONS]]
    rest = f"; {'; '.join(listed)}" if listed else ""
    return Tile(title, figures.percent(traffic.captured / traffic.finished), f"{of}{rest}.", place="coverage")


def _ago(at: datetime | None, now: datetime) -> str:
    """`12 s ago`; the word where nothing is known."""
    if at is None:
        return "none seen"
    since = max(timedelta(0), now - at)
    if since < MINUTE:
        return f"{since.seconds} s ago"
    if since < HOUR:
        return f"{since // MINUTE} min ago"
    return f"{since // HOUR} h ago" if since < 2 * 24 * HOUR else f"{since.days} days ago"


@dataclass(frozen=True, slots=True)
class SoFar:
    """What is read when the page is opened.

    Attributes:
        now: When that was.
        judge_usd: Spent on models that grade.
        mirror_usd: Spent on asking models live; `None` = the price of a call is unknown.
        today: Live requests since midnight; `None` = none ever came live.
    """

    now: datetime
    judge_usd: Decimal
    mirror_usd: Decimal | None
    today: Traffic | None


def progress_tiles(standing: Standing, found: SoFar) -> tuple[Tile, ...]:
    """How far the pilot is: time, compared requests, labels, money."""
    pilot, card = standing.pilot, standing.card
    return (
        _time(pilot, card, found.now),
        *(() if card is None else (_coverage(card, found.today),)),
        *_labels(standing),
        _spend("Spent on judges", found.judge_usd, pilot.configuration.judge.budget_usd if pilot.configuration.judge else None),
        _spend("Spent on mirroring", found.mirror_usd, pilot.configuration.mirror.budget_usd),
    )


def _time(pilot: Pilot, card: Scorecard | None, now: datetime) -> Tile:
    timezone, left = pilot.configuration.pilot.timezone, days_left(pilot, now)
    if pilot.state is not PilotState.RUNNING or left is None:
        value = "ended" if pilot.state is PilotState.STOPPED else "not started"
        return Tile("Time", value, f"{pilot.days} days are planned.")
    plan = card.registration.plan if card is not None else None
    coming = [look for look in (plan.looks if plan is not None else []) if card is not None and look > card.day]
    look = f" Next full look: after day {coming[0]}." if coming else ""
    value = f"{left} day{'' if left == 1 else 's'} left"
    ends = figures.moment(pilot.ends_at, timezone)
    return Tile("Time", value, f"Day {current_day(pilot, now)} of {pilot.days}, until {ends}.{look}")


def _coverage(card: Scorecard, today: Traffic | None) -> Tile:
    ledger = card.coverage
    captured, total = ledger.by_reason.get("captured", 0), ledger.production_requests
    value = figures.percent(captured / total) if total else figures.UNKNOWN
    said = f"{figures.count(captured)} of {figures.count(total)} production requests up to then."
    if today is not None and today.finished:
        share = figures.percent(today.captured / today.finished)
        said += f" Today {share}: {figures.count(today.captured)} of {figures.count(today.finished)}."
    unseen = f" For {figures.count(ledger.unknown_seconds)} seconds nobody counted." if ledger.unknown_seconds else ""
    return Tile("Captured so far", value, f"{said}{unseen}", place="coverage")


def _labels(standing: Standing) -> Iterator[Tile]:
    segments = standing.pilot.configuration.segment
    if segments and not any(asks_a_model(segment.grader) for segment in segments):
        return
    for subject in standing.subjects:
        quality = subject.card.quality
        title = "Labels by people" if len(standing.subjects) == 1 else f"Labels by people, {subject.name}"
        waiting = (
            f" {figures.count(quality.missing)} of {figures.count(quality.drawn)} drawn pairs wait." if quality.drawn else ""
        )
        detail = f"Usable ones confirm the judge; with fewer its word carries no verdict.{waiting}"
        yield Tile(title, figures.count(quality.usable_labels), detail, place="label", needed=f"needed: {LABELS_NEEDED}")


def _spend(title: str, usd: Decimal | None, budget: Decimal | None) -> Tile:
    if usd is None:
        return Tile(title, figures.UNKNOWN, "The price of a call is not known.", place="money")
    if budget is None:
        return Tile(
            title, figures.money(usd), "No budget is set." if usd else "Nothing was spent; no budget is set.", place="money"
        )
    share = (
        f"{figures.percent(float(usd / budget), 0)} of its budget of {figures.money(budget)}."
        if budget
        else "Its budget is $0."
    )
    return Tile(title, figures.money(usd), share, place="money")
