"""What messages say: enough to know what to open, and nothing confidential unless the pilot allows it.

A pilot's name is always said; names of models and candidates, figures and verdicts only with `notify.figures = true`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from sqlalchemy.orm import Session

from app.domain.notify_table import NotifyTable
from app.domain.pilot import Pilot
from app.domain.report import ReportKind
from app.pipeline.alert_rules import RULE_NAMES
from app.reports.document import Document
from app.reports.figures import local_time
from app.store.alerts import StoredAlert
from app.store.messages import insert_messages

APPRISE, WEBHOOK = "apprise", "webhook"
LONGEST_TEXT = 1500


def channels_of(table: NotifyTable) -> tuple[str, ...]:
    """Where messages of a pilot go."""
    wanted = ((APPRISE, table.urls_env), (WEBHOOK, table.webhook_url))
    return tuple(channel for channel, setting in wanted if setting)


def tell(session: Session, pilot: Pilot, subject: str, kind: str, at: datetime, **words: Any) -> list[int]:
    """Stores a message to each channel of the pilot, in the caller's transaction; gives the numbers of the new ones.

    Args:
        session: The transaction of what it is about.
        pilot: Whose.
        subject: What it is about, as `alert:7:opened`: of each there is one message a channel.
        kind: What happened, as `alert.opened`.
        at: When.
        words: `title`, `text`, `path` of the page, and `figures`: what is only said where the pilot allows it.
    """
    table = pilot.configuration.notify
    document = message(pilot, kind, at, **words)
    return insert_messages(session, pilot.id, subject=subject, channels=channels_of(table), document=document, at=at)


def message(
    pilot: Pilot, kind: str, at: datetime, *, title: str, text: str, path: str, figures: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The document that a webhook gets; `figures` has its own `text` that replaces the plain one."""
    table = pilot.configuration.notify
    document: dict[str, Any] = {
        "kind": kind,
        "pilot": pilot.name,
        "at": at.isoformat(),
        "title": title,
        "text": text,
        "path": path,
        "link": None if table.link is None else table.link.rstrip("/") + path,
    }
    if table.figures and figures:
        document |= {"text": str(figures["text"])} | {"figures": {k: v for k, v in figures.items() if k != "text"}}
    document["text"] = _shortened(document["text"])
    return document


def tell_of_alert(session: Session, pilot: Pilot, alert: StoredAlert, *, is_open: bool, at: datetime, why: str = "") -> None:
    """An alarm was opened, or is over."""
    rule = RULE_NAMES.get(alert.rule)
    title = rule.title if rule is not None else alert.rule
    advice = rule.advice if rule is not None else ""
    word = "opened" if is_open else "resolved"
    plain = advice if is_open else why or "What raised it is over."
    detailed = f"{alert.text} {advice}" if is_open else f"{plain} It said: {alert.text}"
    tell(
        session, pilot, f"alert:{alert.id}:{word}", f"alert.{word}", at,
        title=f"{pilot.name}: {title}" if is_open else f"{pilot.name}: over: {title}",
        text=plain,
        path=f"/pilots/{quote(pilot.name, safe='')}/alerts",
        figures={"text": detailed, "rule": alert.rule, "severity": alert.severity, "facts": alert.facts},
    )  # fmt: skip


REPORT_WORDS = {ReportKind.WEEKLY: "weekly report", ReportKind.FINAL: "final report"}


def tell_of_report(session: Session, pilot: Pilot, report_id: int, kind: ReportKind, document: Document) -> list[int]:
    """A weekly or a final report is ready; of one that somebody asked for nobody is told."""
    words = REPORT_WORDS.get(kind)
    if words is None:
        return []
    made = f"{local_time(document.made_at, document.timezone)} ({document.timezone})"
    answers = [f"{each.candidate}: {each.words}. {each.sentence}" for each in document.summary.answers]
    return tell(
        session, pilot, f"report:{report_id}:{kind.value}", f"report.{kind.value}", document.made_at,
        title=f"{pilot.name}: the {words} is ready",
        text=f"The {words} of {pilot.name} was made on {made}.",
        path=f"/reports/{report_id}",
        figures={
            "text": " ".join([f"Day {document.summary.day} of {document.summary.days}.", *answers]),
            "verdicts": {each.candidate: each.outcome.value for each in document.summary.answers},
            "data_hash": document.data_hash,
        },
    )  # fmt: skip


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
