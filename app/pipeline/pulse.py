"""Whether a pilot's mirror lives at this moment: cheap enough to be asked every few seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.domain.ledger import quarter_of
from app.domain.pilot import Pilot
from app.domain.words import PilotState
from app.store.alerts import StoredAlert, open_alerts
from app.store.live_status import Heard, read_heard, requests_since
from app.store.newest_answers import NewestAnswer, newest_answers

HOUR = timedelta(hours=1)


class Beat(StrEnum):
    """Whether the mirror lives. `QUIET`: we are well, production asks nothing; `IDLE`: there is nothing to mirror."""

    ALIVE = "alive"
    SILENT = "silent"
    QUIET = "quiet"
    OFF = "switched off"
    IDLE = "not mirroring"


@dataclass(frozen=True, slots=True)
class Traffic:
    """Live requests since a moment, by reason."""

    since: datetime
    by_reason: Mapping[str, int]

    @property
    def finished(self) -> int:
        """Those of which it is known what became of them."""
        return sum(n for reason, n in self.by_reason.items() if reason != "pending")

    @property
    def captured(self) -> int:
        """Those that were recorded for the pilot."""
        return self.by_reason.get("captured", 0)


@dataclass(frozen=True, slots=True)
class Pulse:
    """A pilot at one moment; `heard` `None` = no request ever came live."""

    pilot: Pilot
    now: datetime
    heard: Heard | None
    answers: Mapping[str, NewestAnswer] = field(default_factory=dict)
    hour: Traffic | None = None
    alerts: tuple[StoredAlert, ...] = ()


def pulse_of(session: Session, pilot: Pilot, now: datetime, *, with_traffic: bool = True) -> Pulse:
    """What is known of a pilot at this moment; without traffic it costs next to nothing."""
    alerts = tuple(open_alerts(session, pilot.id))
    heard = read_heard(session, pilot)
    if heard is None:
        return Pulse(pilot, now, None, alerts=alerts)
    hour = _traffic(session, pilot, now - HOUR) if with_traffic else None
    return Pulse(pilot, now, heard, newest_answers(session, pilot), hour, alerts)


def traffic_today(session: Session, pilot: Pilot, now: datetime) -> Traffic:
    """Live requests since midnight in the pilot's zone; takes longer the more there are, so nobody asks every few seconds."""
    local = now.astimezone(ZoneInfo(pilot.configuration.pilot.timezone))
    return _traffic(session, pilot, local.replace(hour=0, minute=0, second=0, microsecond=0))


def beat_of(pulse: Pulse) -> tuple[Beat, str]:
    """Whether the mirror lives, and how that is known."""
    pilot, heard = pulse.pilot, pulse.heard
    if pilot.state is not PilotState.RUNNING or pilot.day_of(pulse.now) is None:
        return Beat.IDLE, "The pilot does not run now, so nothing is mirrored."
    if heard is None:
        return Beat.IDLE, "No request ever came live; what is stored was imported."
    if not pilot.mirror_on:
        return Beat.OFF, f"Switch it on again: pilot mirror on {pilot.name}."
    return _running(pulse, heard)


def _running(pulse: Pulse, heard: Heard) -> tuple[Beat, str]:
    since = pulse.now - timedelta(minutes=pulse.pilot.configuration.alerts.silent_minutes)
    if _is_before(heard.recorded_until, since):
        return Beat.SILENT, "Nothing is recorded: do recorder and mirror run? See ./run status."
    if not _is_before(heard.last_request_at, since):
        return _answering(pulse, since)
    if _is_before(heard.last_count_at, since):
        return Beat.SILENT, "Nothing is heard of gateway or application: do they run?"
    return Beat.QUIET, "Gateway or application is there, but production sends no requests."


def _answering(pulse: Pulse, since: datetime) -> tuple[Beat, str]:
    asked = {name: answer for name, answer in pulse.answers.items() if not _is_before(answer.asked_at, since)}
    if not asked:
        return Beat.QUIET, "Requests come, but none of them is one that candidates are asked for."
    if all(_is_before(answer.heard_at, since) for answer in asked.values()):
        return Beat.SILENT, "Requests come, but nothing comes of them: does the mirror run?"
    deaf = [name for name, answer in asked.items() if _is_before(answer.answered_at, since)]
    if deaf:
        return Beat.SILENT, f"Requests come, but of {' and '.join(deaf)} there is no answer that can be used."
    return Beat.ALIVE, "Requests come, and every candidate answers them."


def _is_before(at: datetime | None, moment: datetime) -> bool:
    return at is None or at < moment


def _traffic(session: Session, pilot: Pilot, since: datetime) -> Traffic:
    begins = quarter_of(int(since.timestamp() * 1_000_000))
    return Traffic(begins, requests_since(session, pilot, begins)[0])
