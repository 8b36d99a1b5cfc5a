"""A pilot's life: draft, running, stopped; every step in the audit log."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.domain.configuration import PilotConfiguration
from app.domain.content import METADATA
from app.domain.pilot import ConfigurationChange, Pilot, Registration, start_of
from app.domain.registered import RegisteredPlan
from app.domain.words import PilotState
from app.errors import Conflict
from app.graders.user_function import FunctionRules
from app.pipeline.configuration import Loaded, load_configuration
from app.pipeline.configuration_changes import touched_by
from app.pipeline.judge_sampling import NOT_DRAWN
from app.pipeline.registration import plan_of, register
from app.store import pilots
from app.store.audit import record
from app.store.judge_shares import reopen_left_out_as
from app.store.registrations import changes_of, registration_of
from app.store.status import exchanges_outside

EXTENSION_DAYS = 14


@dataclass(frozen=True, slots=True)
class Told:
    """A pilot after a step, and what people should know of it."""

    pilot: Pilot
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PilotDetails:
    """A pilot with all that was guessed, fixed and changed."""

    pilot: Pilot
    guesses: tuple[dict[str, Any], ...]
    registration: Registration | None
    changes: tuple[ConfigurationChange, ...]
    plan: RegisteredPlan


def details_of(session: Session, pilot: Pilot) -> PilotDetails:
    guesses, changes = pilots.guesses_of(session, pilot.id), changes_of(session, pilot.id)
    registration = registration_of(session, pilot.id)
    return PilotDetails(pilot, tuple(guesses), registration, tuple(changes), plan_of(pilot, registration))


def create_pilot(
    session: Session, toml_text: str | bytes, by: str, now: datetime, *, functions: FunctionRules | None = None
) -> Told:
    """Stores a draft. `InvalidInput` names everything that is wrong with the file.

    Args:
        session: The transaction.
        toml_text: The file.
        by: Who creates it.
        now: The moment.
        functions: Which graders can be run here; `None` = not checked, what may not be run is refused when it should.
    """
    loaded = load_configuration(toml_text, now, functions=functions)
    pilot = pilots.insert_pilot(
        session, loaded.configuration, source_toml=_text(toml_text), guesses=[asdict(guess) for guess in loaded.guesses]
    )
    record(session, by, "pilot.create", pilot.id, pilot=pilot.name)
    return Told(pilot, (*notes_on(loaded), retention_words(loaded.configuration)))


def notes_on(loaded: Loaded) -> tuple[str, ...]:
    """What is said when a configuration is accepted: guesses, and what makes a verdict impossible."""
    notes = [guess.message for guess in loaded.guesses]
    if loaded.configuration.judge is None:
        notes.append("there is no [judge]: pairs that no deterministic grader decides stay ungraded")
    return tuple(notes)


def retention_words(configuration: PilotConfiguration) -> str:
    """How long texts are kept, and what is lost if that is shorter than the pilot."""
    kept, days = configuration.content.retention_days, configuration.pilot.days
    if configuration.content.level == METADATA:
        return "no texts are kept (content.level = 'metadata')"
    if kept is None:
        return "texts are kept until you remove them: content.retention_days removes them by themselves (docs/erasure.md)"
    if kept < days:
        return (
            f"texts are removed {kept} days after their arrival, the pilot takes {days}: what judge and people have not "
            "looked at by then stays ungraded (no_text) and unlabelled"
        )
    return f"texts are removed {kept} days after their arrival"


def start_pilot(session: Session, name: str, by: str, now: datetime) -> Told:
    """A draft begins to count: its window is fixed, what was decided beforehand is hashed."""
    pilot = _in_state(session, name, PilotState.DRAFT, "started")
    starts_at, why = _window_start(session, pilot, now)
    running = pilots.mark_started(session, pilot, starts_at=starts_at, at=now)
    registration = register(session, running, at=now)
    reopen_left_out_as(session, pilot.id, NOT_DRAWN)  # people's draws are known from now on, and the judge looks at them
    record(session, by, "pilot.start", pilot.id, pilot=name, starts_at=starts_at.isoformat(), hash=registration.hash)
    local = starts_at.astimezone(ZoneInfo(pilot.configuration.pilot.timezone))
    notes = [f"day 1 begins {local:%Y-%m-%d %H:%M} {pilot.configuration.pilot.timezone} ({why})"]
    if running.ends_at is not None and running.ends_at <= now:
        notes.append("its window is past: it stays open for import, labels and grading until it is stopped")
    notes.append(plan_words(plan_of(running, registration)))
    outside = exchanges_outside(session, running)
    if outside:
        notes.append(f"{outside} of the stored exchanges lie outside the window: they are kept and counted apart")
    return Told(running, tuple(notes))


def plan_words(plan: RegisteredPlan) -> str:
    """What was fixed for the statistics, in one sentence."""
    looks = ", ".join(str(day) for day in plan.looks)
    drawn = ", ".join(f"{name} {chance:.2%}" for name, chance in plan.label_probability.items())
    alpha = f"{plan.alpha:g}" + (f" (a segment {plan.alpha_by_segment:g})" if plan.segments else "")
    return f"registered: alpha {alpha}, looks after day {looks}, chance of a conversation to be labelled by people: {drawn}"


def change_words(pilot: Pilot, change: ConfigurationChange) -> str:
    """What was changed, and whether the decision of a started pilot rests on it."""
    touches = touched_by(change.path) if pilot.state is not PilotState.DRAFT else None
    return f"changed: {change.path}" + (f"; after the start, and the decision rests on it ({touches})" if touches else "")


def stop_pilot(session: Session, name: str, by: str, now: datetime) -> Told:
    """Ends a running pilot for good; what is stored stays readable."""
    pilot = _in_state(session, name, PilotState.RUNNING, "stopped")
    record(session, by, "pilot.stop", pilot.id, pilot=name)
    return Told(pilots.mark_stopped(session, pilot, at=now))


def extend_pilot(session: Session, name: str, by: str, *, days: int = EXTENSION_DAYS) -> Told:
    """Makes a running pilot's window longer, once."""
    pilot = _in_state(session, name, PilotState.RUNNING, "extended")
    if pilot.extended_days:
        message = f"the pilot {name!r} was extended by {pilot.extended_days} days already; a pilot is extended once"
        raise Conflict(message, pilot=name, extended_days=pilot.extended_days)
    if not 1 <= days <= EXTENSION_DAYS:
        message = f"a pilot is extended by 1 to {EXTENSION_DAYS} days, not {days}"
        raise Conflict(message, pilot=name)
    record(session, by, "pilot.extend", pilot.id, pilot=name, days=days)
    extended = pilots.mark_extended(session, pilot, days=days)
    return Told(extended, (f"it now has {extended.days} days",))


def make_default(session: Session, name: str, by: str) -> Told:
    """The gateway's `/v1` is this pilot's from now on."""
    pilot = pilots.get_pilot(session, name, for_update=True)
    if pilot.is_detached:
        message = f"the pilot {name!r} is detached: the gateway does not forward for it"
        raise Conflict(message, pilot=name)
    record(session, by, "pilot.default", pilot.id, pilot=name)
    return Told(pilots.mark_default(session, pilot))


def detach_pilot(session: Session, name: str, by: str, now: datetime) -> Told:
    """The gateway stops forwarding for it; refused while the pilot's window runs."""
    pilot = pilots.get_pilot(session, name, for_update=True)
    is_over = pilot.ends_at is not None and pilot.ends_at <= now
    if pilot.state is PilotState.RUNNING and not is_over:
        message = f"the pilot {name!r} is running: stop it before you detach it"
        raise Conflict(message, pilot=name, state=pilot.state.value)
    record(session, by, "pilot.detach", pilot.id, pilot=name)
    notes = ["the gateway forwards no longer for it"]
    if pilot.is_default:
        notes.append("it was the default: the gateway's plain /v1 has no pilot until `pilot default NAME` names another one")
    return Told(pilots.mark_detached(session, pilot), tuple(notes))


def set_mirror(session: Session, name: str, by: str, *, on: bool) -> Told:
    """The kill switch of mirroring."""
    pilot = pilots.get_pilot(session, name, for_update=True)
    record(session, by, "pilot.mirror", pilot.id, pilot=name, on=on)
    return Told(pilots.mark_mirror(session, pilot, on=on), (f"mirroring is {'on' if on else 'off'}",))


def _in_state(session: Session, name: str, state: PilotState, participle: str) -> Pilot:
    pilot = pilots.get_pilot(session, name, for_update=True)
    if pilot.state is not state:
        message = f"the pilot {name!r} is {pilot.state.value}: only one that is {state.value} can be {participle}"
        raise Conflict(message, pilot=name, state=pilot.state.value)
    return pilot


def _window_start(session: Session, pilot: Pilot, now: datetime) -> tuple[datetime, str]:
    """Where day 1 begins, and why there."""
    table = pilot.configuration.pilot
    if table.starts is not None:
        return start_of(table.starts, table.timezone), "pilot.starts"
    oldest = pilots.oldest_arrival(session, pilot.id)
    if oldest is not None:
        return start_of(oldest.astimezone(ZoneInfo(table.timezone)).date(), table.timezone), "the oldest imported exchange"
    return start_of(now.astimezone(ZoneInfo(table.timezone)).date(), table.timezone), "today: nothing was imported yet"


def _text(toml_text: str | bytes) -> str:
    return toml_text.decode("utf-8-sig") if isinstance(toml_text, bytes) else toml_text
