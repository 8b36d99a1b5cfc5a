"""Messages to people outside: taken one by one, sent at least once to each channel, tried again for a day."""

import logging
import os
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy.orm import Session

from app.domain.notify_table import NotifyTable
from app.domain.pilot import Pilot
from app.errors import Conflict
from app.jobs import Job
from app.pipeline.alert_metrics import messages as counted
from app.pipeline.notifying_channels import Attempt, send_apprise, send_webhook
from app.pipeline.notifying_words import WEBHOOK, channels_of, tell
from app.store.audit import record
from app.store.messages import StoredMessage, claim_messages, list_messages, mark_failed, mark_sent, messages_about
from app.store.pilots import get_pilot, get_pilot_by_id
from app.store.session import Publish, SessionFactory, publish_after_commit, session_scope

# Longer than the slowest attempt: several addresses, each with its own time-outs.
LEASE = timedelta(minutes=3)
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(days=1)
# A slow receiver must not keep a worker from its other work; what is left is sent at the next turn.
SENDING_SECONDS = 60.0
MOST_DOUBLINGS = 16
TEST = "test:"

log = logging.getLogger(__name__)


def send_messages(session_factory: SessionFactory, now: datetime, *, environment: Mapping[str, str] = os.environ) -> int:
    """Sends the messages that are due, those of other workers apart; gives how many were taken.

    A worker that dies between a channel's answer and noting it leaves the message to the next one: at least once.
    """
    sent, until = 0, time.monotonic() + SENDING_SECONDS
    while time.monotonic() < until:
        with session_scope(session_factory) as session:
            claimed = claim_messages(session, now=now, lease=LEASE, limit=1)
        if not claimed:
            break
        sent += _send(session_factory, claimed[0], now, environment)
    return sent


def _send(session_factory: SessionFactory, message: StoredMessage, now: datetime, environment: Mapping[str, str]) -> bool:
    with session_factory() as session:
        table = get_pilot_by_id(session, message.pilot_id).configuration.notify
    attempt = _attempt(message, table, now, environment)
    with session_scope(session_factory) as session:
        if not attempt.problem:
            mark_sent(session, message.id, at=now)
            counted.labels(message.channel, "sent").inc()
            return True
        next_at = next_attempt(message, now)
        mark_failed(session, message.id, problem=attempt.problem, next_at=next_at, at=now, taken=list(attempt.taken))
    counted.labels(message.channel, "failed" if next_at else "given_up").inc()
    log.warning("message %s (%s, attempt %s): %s", message.id, message.channel, message.attempts, attempt.problem)
    return False


def _attempt(message: StoredMessage, table: NotifyTable, now: datetime, environment: Mapping[str, str]) -> Attempt:
    if message.channel == WEBHOOK:
        return send_webhook(message, table, environment, now)
    return send_apprise(message, table, environment)


def next_attempt(message: StoredMessage, now: datetime) -> datetime | None:
    """When it is tried again: after 30 s, then twice as long each time, at most an hour; `None` = it is given up.

    A test is tried once: somebody waits for what happens.
    """
    if message.subject.startswith(TEST) or now - message.created_at >= GIVEN_UP_AFTER:
        return None
    doublings: int = 2 ** min(message.attempts - 1, MOST_DOUBLINGS)
    return now + min(LONGEST_WAIT, FIRST_WAIT * doublings)


def ask_for_test(
    session_factory: SessionFactory, name: str, now: datetime, *, by: str, publish: Publish
) -> list[StoredMessage]:
    """Writes a test message to each channel of a pilot; `Conflict` where none is configured.

    The worker sends it, as it sends every other one: with its own environment.
    """
    with session_scope(session_factory, publish) as session:
        pilot = get_pilot(session, name)
        subject = f"{TEST}{uuid4().hex}"
        if not channels_of(pilot.configuration.notify):
            message = f"the pilot {name!r} tells nobody: set notify.urls_env or notify.webhook_url in pilot.toml"
            raise Conflict(message, pilot=name)
        _tell_test(session, pilot, subject, now)
        record(session, by, "notify.test", pilot.id, pilot=name)
        publish_after_commit(session, Job.MESSAGES)
        return messages_about(session, pilot.id, subject)


def _tell_test(session: Session, pilot: Pilot, subject: str, now: datetime) -> None:
    tell(
        session, pilot, subject, "test", now,
        title=f"{pilot.name}: a test message",
        text="Messages of this pilot arrive here: weekly and final reports, alarms, and when they are over.",
        path=f"/pilots/{pilot.name}/alerts",
    )  # fmt: skip


def messages_of(session_factory: SessionFactory, name: str) -> list[StoredMessage]:
    """A pilot's messages with their state, the newest first."""
    with session_factory() as session:
        return list_messages(session, get_pilot(session, name).id)
