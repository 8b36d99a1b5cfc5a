"""Alarms: every rule looked at for every running pilot; each alarm opened once, resolved once, and told of once."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from app.domain.grading import GradingState
from app.domain.notify_table import AlertsTable
from app.domain.pilot import Pilot
from app.domain.words import CoverageReason, PilotState
from app.jobs import Job
from app.pipeline.alert_metrics import show_open
from app.pipeline.alert_rules import (
    RULES,
    ArmSeen,
    BudgetSeen,
    DriftSeen,
    Finding,
    JudgeSeen,
    LiveSeen,
    Rule,
    Seen,
    Sign,
)
from app.pipeline.mirroring.breaker import BreakerState
from app.pipeline.mirroring.breakers_seen import read_breakers
from app.pipeline.notifying_words import tell_of_alert
from app.store import alert_evidence as evidence
from app.store.alerts import StoredAlert, count_open, open_alert, open_alerts, resolve_alert
from app.store.judge_money import judge_spent
from app.store.live_status import read_live_status
from app.store.pilots import list_pilots
from app.store.session import Publish, SessionFactory, publish_after_commit, session_scope

# A request that has just come is not yet one without an answer.
SETTLING = timedelta(seconds=90)
TRYING = timedelta(minutes=2)
# A little more than the limit is looked at, so that what failed for so long is seen to have.
DOWN_WINDOW = 1.25
COUNTABLE = (CoverageReason.CAPTURED, CoverageReason.LOST, CoverageReason.TOO_LARGE, CoverageReason.UNREADABLE_BODY)
NOT_WATCHED = "It is not watched any more: the pilot was stopped, its mirror switched off, or its settings changed."


def watch_pilots(
    session_factory: SessionFactory, now: datetime, *, redis_url: str | None = None, publish: Publish | None = None
) -> int:
    """Opens an alarm where a rule's condition holds and resolves it where it does not any more; gives how many of both.

    Several watchers at once do no harm: the database lets one of them open an alarm, and one of them end it.
    """
    with session_factory() as session:
        pilots = list_pilots(session)
    changed, troubles = 0, list[Exception]()
    for pilot in pilots:
        try:
            changed += _watch(session_factory, pilot, now, redis_url, publish)
        except Exception as error:  # raised below, once the other pilots were looked at
            troubles.append(error)
    with session_factory() as session:
        show_open(pilots, count_open(session))
    if troubles:
        message = "pilots could not be watched"
        raise ExceptionGroup(message, troubles)
    return changed


def _watch(session_factory: SessionFactory, pilot: Pilot, now: datetime, redis_url: str | None, publish: Publish | None) -> int:
    with session_factory() as session:
        seen = see_pilot(session, pilot, now, redis_url) if is_watched(pilot, now) else None
        is_anything_open = bool(open_alerts(session, pilot.id))
    findings = list(look(seen)) if seen is not None else []
    if not is_anything_open and not any(finding.sign is Sign.RAISE for _, finding in findings):
        return 0
    with session_scope(session_factory, publish) as session:
        changed = apply_findings(session, pilot, findings, now)
        if changed and publish is not None:
            publish_after_commit(session, Job.MESSAGES)
    return changed


def is_watched(pilot: Pilot, now: datetime) -> bool:
    """Whether anything of a pilot can be an alarm."""
    return pilot.state is PilotState.RUNNING and (pilot.starts_at is None or pilot.starts_at <= now)


def look(seen: Seen) -> Iterator[tuple[Rule, Finding]]:
    """What every rule says."""
    for rule in RULES:
        for finding in rule.look(seen):
            yield rule, finding


def apply_findings(session: Session, pilot: Pilot, findings: list[tuple[Rule, Finding]], now: datetime) -> int:
    """Stores what changed, with the messages about it in the same transaction; gives how many alarms changed."""
    still_open = {(alert.rule, alert.subject): alert for alert in open_alerts(session, pilot.id)}
    changed = 0
    for rule, finding in findings:
        alert = still_open.pop((rule.name, finding.subject), None)
        if alert is None and finding.sign is Sign.RAISE:
            changed += _open(session, pilot, rule, finding, now)
        elif alert is not None and finding.sign is Sign.CLEAR:
            changed += _resolve(session, pilot, alert, now)
    return changed + sum(_resolve(session, pilot, alert, now, NOT_WATCHED) for alert in still_open.values())


def _open(session: Session, pilot: Pilot, rule: Rule, finding: Finding, now: datetime) -> bool:
    text = finding.text if finding.text.endswith((".", "?")) else f"{finding.text}."
    words = {"rule": rule.name, "subject": finding.subject, "severity": rule.severity, "text": text}
    made = open_alert(session, pilot.id, **words, facts=finding.facts, at=now)
    if made is None:
        return False
    alert = StoredAlert(made, pilot.id, **words, facts=finding.facts, opened_at=now, resolved_at=None)
    tell_of_alert(session, pilot, alert, is_open=True, at=now)
    return True


def _resolve(session: Session, pilot: Pilot, alert: StoredAlert, now: datetime, why: str = "") -> bool:
    if not resolve_alert(session, alert.id, at=now):
        return False
    tell_of_alert(session, pilot, alert, is_open=False, at=now, why=why)
    return True


def see_pilot(session: Session, pilot: Pilot, now: datetime, redis_url: str | None) -> Seen:
    """What the rules are given; traffic is only looked at while it is to be mirrored."""
    limits = pilot.configuration.alerts
    cards = evidence.read_card(session, pilot.id)
    is_live = pilot.mirror_on and pilot.day_of(now) is not None
    return Seen(
        now=now,
        limits=limits,
        live=_live(session, pilot, now, limits) if is_live else None,
        arms=tuple(_arms(session, pilot, now, limits, redis_url)) if is_live else (),
        budgets=tuple(_budgets(session, pilot, now)),
        drifts=tuple(DriftSeen(card.name, card.is_frozen, card.reasons) for card in cards),
        judge=_judge(evidence.read_grading(session, pilot.id), cards, now),
    )


def _live(session: Session, pilot: Pilot, now: datetime, limits: AlertsTable) -> LiveSeen:
    producers = evidence.read_producers(session, pilot.id)
    if producers.counted_at is None:
        return LiveSeen()
    silent = timedelta(minutes=limits.silent_minutes)
    asked = evidence.read_asked(session, pilot, since=now - silent - SETTLING, until=now - SETTLING)
    status = read_live_status(session, pilot, now)
    found = status.by_reason if status is not None else {}
    return LiveSeen(
        counted_at=producers.counted_at,
        is_gateway=producers.is_gateway,
        waiting_since=producers.waiting_since,
        heard_at=producers.heard_at,
        asked=asked.asked,
        asked_since=asked.since,
        answered=asked.answered,
        recorded_at=evidence.recorder_done_at(session),
        captured=found.get(CoverageReason.CAPTURED.value, 0),
        countable=sum(found.get(reason.value, 0) for reason in COUNTABLE) if status is not None else None,
    )


def _arms(session: Session, pilot: Pilot, now: datetime, limits: AlertsTable, redis_url: str | None) -> Iterator[ArmSeen]:
    since = now - DOWN_WINDOW * timedelta(minutes=limits.candidate_down_minutes)
    calls = evidence.read_arm_calls(session, pilot, since=since, now=now)
    is_failing = any(found.failures for found in calls.values())
    breakers = read_breakers(redis_url, pilot.name) if redis_url is not None and is_failing else None
    opened = None if breakers is None else {each.arm for each in breakers if each.state is BreakerState.OPEN}
    for arm in pilot.candidates:
        found = calls.get(arm.id, evidence.ArmCalls(0, 0, None))
        is_open = None if opened is None else arm.name in opened
        yield ArmSeen(arm.name, found.calls, found.failures, found.failing_since, is_open)


def _budgets(session: Session, pilot: Pilot, now: datetime) -> Iterator[BudgetSeen]:
    judge = pilot.configuration.judge
    if judge is not None and judge.base_url:
        yield BudgetSeen("judge", judge_spent(session, pilot.id, now).usd, judge.budget_usd)
    limit = pilot.configuration.mirror.budget_usd
    if limit is not None:
        usd, unpriced = evidence.read_mirror_spend(session, pilot.id)
        spent = Decimal(usd or 0)
        # A call of an unknown price leaves the sum unknown, but not below what is known.
        yield BudgetSeen("mirror", spent if not unpriced or spent >= limit else None, limit)


def _stopped(grading: evidence.GradingSeen | None, now: datetime) -> str | None:
    """Why grading stopped; "" = it goes on. What stopped is tried again each few minutes, so a new try says nothing yet."""
    if grading is None:
        return ""
    if grading.state == GradingState.STOPPED.value:
        return f"grading stopped: {grading.problem or 'it names no reason'}"
    is_new_try = grading.state == GradingState.RUNNING.value and now - grading.asked_at < TRYING
    return None if is_new_try else ""


def _judge(grading: evidence.GradingSeen | None, cards: list[evidence.CardSeen], now: datetime) -> JudgeSeen:
    stopped = _stopped(grading, now)
    if not cards:
        return JudgeSeen(stopped=stopped)
    control, canaries = cards[0].control, cards[0].canaries
    is_low, is_unfair = bool(canaries and canaries.get("is_suspended")), bool(control and control.get("is_broken"))
    weeks = [card.judge_week for card in cards if card.judge_week is not None]
    changed = any(week.get("has_changed") for week in weeks)
    return JudgeSeen(
        stopped=stopped,
        canaries=str((canaries or {}).get("reason") or "the judge misses what anybody sees") if is_low else "",
        control=str((control or {}).get("reason") or "the judge is not fair to equals") if is_unfair else "",
        anchors="the judge no longer says what it said of the same pairs in the first week" if changed else "",
    )
