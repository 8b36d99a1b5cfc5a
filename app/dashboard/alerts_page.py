"""The page of alarms: which are open, which were, the rules with their thresholds, and what messages went out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.dashboard.forms import Form
from app.dashboard.frame import pilot_page
from app.dashboard.places import pilot_address
from app.dashboard.visitors import Door
from app.domain.pilot import Pilot
from app.domain.words import Role
from app.errors import Conflict
from app.pipeline.alert_rules import RULE_NAMES, RULES
from app.pipeline.alerting import is_watched
from app.pipeline.notifying import ask_for_test
from app.pipeline.notifying_words import APPRISE, channels_of
from app.reports import figures
from app.reports.document import Block, Cell, Paragraph, Section, Table, cells
from app.store.alerts import StoredAlert, list_alerts
from app.store.messages import StoredMessage, list_messages
from app.store.pilots import get_pilot

HISTORY = 50
SENDS = "the addresses of Apprise (Slack, e-mail and the like)"


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An alarm that holds, as a person meets it."""

    id: int
    severity: str
    title: str
    text: str
    advice: str
    since: str


def add_alerts_page(router: APIRouter, door: Door) -> None:
    """Adds the page."""
    pages = AlertsPage(door)
    for address, method, endpoint in (
        ("/pilots/{name}/alerts", "GET", pages.show),
        ("/pilots/{name}/alerts/test", "POST", pages.test),
    ):
        router.add_api_route(
            address, endpoint, methods=[method], response_class=HTMLResponse, name=f"alerts_page_{endpoint.__name__}"
        )


@dataclass(frozen=True, slots=True)
class AlertsPage:
    """The endpoints."""

    door: Door

    def show(self, request: Request, name: str) -> Response:
        """The page."""
        visitor, now = self.door.visitor(request), datetime.now(UTC)
        with self.door.session_factory() as session:
            pilot = get_pilot(session, name)
            alerts = list_alerts(session, pilot.id)
            messages = list_messages(session, pilot.id, limit=HISTORY)
        timezone = pilot.configuration.pilot.timezone
        ended = [alert for alert in alerts if alert.resolved_at is not None]
        return pilot_page(
            "alerts.html",
            self.door,
            visitor,
            pilot,
            "alerts",
            title="Alerts",
            watched=_watched_words(pilot, now),
            alarms=[_open(alert, timezone, now) for alert in alerts if alert.resolved_at is None],
            sections=(_rules(pilot), _history(ended[:HISTORY], timezone), _messages(pilot, messages, timezone)),
            may_test=visitor.principal.may(Role.OPERATOR) and bool(channels_of(pilot.configuration.notify)),
        )

    def test(self, request: Request, name: str, form: Form) -> Response:
        """Has the worker send a test message to each channel."""
        visitor = self.door.permitted(self.door.sender(request, form), Role.OPERATOR, "sending a test message")
        if self.door.publish is None:
            message = "this process cannot ask the worker; use pilot notify test"
            raise Conflict(message)
        now, by = datetime.now(UTC), visitor.principal.name
        ask_for_test(self.door.session_factory, name, now, by=by, publish=self.door.publish)
        return RedirectResponse(f"{pilot_address(name, 'alerts')}#messages", 303)


def _watched_words(pilot: Pilot, now: datetime) -> str:
    if not is_watched(pilot, now):
        return "Nothing is watched: the pilot does not run."
    if not pilot.mirror_on:
        return "Mirroring is switched off: traffic and candidates are not watched, budgets, drift and the judge are."
    if pilot.day_of(now) is None:
        return "The pilot's days are over: traffic and candidates are not watched, budgets, drift and the judge are."
    return "Each rule is looked at twice a minute. An alarm is told of once when it begins, and once when it is over."


def _open(alert: StoredAlert, timezone: str, now: datetime) -> OpenAlert:
    rule = RULE_NAMES.get(alert.rule)
    since = f"since {figures.moment(alert.opened_at, timezone)}, for {_span(now - alert.opened_at)}"
    title, advice = (alert.rule, "") if rule is None else (rule.title, rule.advice)
    return OpenAlert(alert.id, alert.severity, title, alert.text, advice, since)


def _span(span: timedelta) -> str:
    minutes = max(0, span // timedelta(minutes=1))
    hours, days = minutes // 60, minutes // (24 * 60)
    number, word = (days, "day") if days > 1 else (hours, "hour") if hours else (minutes, "minute")
    return f"{number} {word}{'' if number == 1 else 's'}"


def _rules(pilot: Pilot) -> Section:
    limits = pilot.configuration.alerts
    rows = tuple(cells(f"{rule.title} ({rule.severity})", rule.threshold(limits), rule.advice) for rule in RULES)
    note = "Limits are set in the table [alerts] of pilot.toml. What is unknown neither rings nor ends an alarm."
    table = Table(caption="What is watched", columns=("Alarm", "When", "What to do"), rows=rows, note=note)
    return Section(slug="rules", title="Rules", blocks=(table,))


def _history(ended: Sequence[StoredAlert], timezone: str) -> Section:
    if not ended:
        return Section(slug="history", title="History", blocks=(Paragraph(text="No alarm was ever over."),))
    rows = tuple(
        cells(
            figures.local_time(alert.opened_at, timezone),
            RULE_NAMES[alert.rule].title if alert.rule in RULE_NAMES else alert.rule,
            _span((alert.resolved_at or alert.opened_at) - alert.opened_at),
            alert.text,
        )
        for alert in ended
    )
    caption = f"Alarms that are over, the newest {len(ended)} (times in {timezone})"
    table = Table(caption=caption, columns=("Opened", "Alarm", "Held for", "What it said"), rows=rows)
    return Section(slug="history", title="History", blocks=(table,))


def _messages(pilot: Pilot, messages: Sequence[StoredMessage], timezone: str) -> Section:
    channels = [SENDS if channel == APPRISE else "the webhook" for channel in channels_of(pilot.configuration.notify)]
    said = "names models, figures and verdicts" if pilot.configuration.notify.figures else "says nothing confidential"
    to = f"Messages go to {figures.names(channels)}. A message {said} (notify.figures)."
    nobody = "Nobody is told: set notify.urls_env or notify.webhook_url in pilot.toml."
    blocks: list[Block] = [Paragraph(text=to if channels else nobody, tone="plain" if channels else "note")]
    if messages:
        rows = tuple(_message(message, timezone) for message in messages)
        columns = ("Written", "Message", "Channel", "State")
        blocks.append(Table(caption=f"The newest messages (times in {timezone})", columns=columns, rows=rows))
    return Section(slug="messages", title="Messages", blocks=tuple(blocks))


def _message(message: StoredMessage, timezone: str) -> tuple[Cell, ...]:
    written = figures.local_time(message.created_at, timezone)
    return cells(written, str(message.document.get("title", message.subject)), message.channel, _state(message, timezone))


def _state(message: StoredMessage, timezone: str) -> str:
    if message.sent_at is not None:
        return f"sent {figures.local_time(message.sent_at, timezone)}"
    tried = f"{message.attempts} attempt{'' if message.attempts == 1 else 's'}"
    if message.given_up_at is not None:
        return f"given up after {tried}: {message.problem}"
    if not message.attempts:
        return "waits for the worker"
    next_at = figures.local_time(message.next_at, timezone)
    return f"{tried}, next {next_at}: {message.problem or 'under way'}"
