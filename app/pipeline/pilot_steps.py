"""The steps that an operator takes by a form, and what the page of settings reads of a pilot."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from app.domain.erasure import Receipt
from app.domain.pilot import Pilot
from app.domain.words import PilotState, Role
from app.errors import Conflict, InvalidInput, Problem
from app.jobs import Job
from app.pipeline import pilots as life
from app.pipeline.mirroring.pilots import PURPOSES
from app.store.audit import record
from app.store.erasures import list_receipts
from app.store.judge_money import judge_spent
from app.store.people import list_people
from app.store.pilots import get_pilot, source_of
from app.store.session import publish_after_commit
from app.store.spend import spent
from app.store.status import spend_of

Fields = Mapping[str, str]
SHOWN_REMOVALS = 5
Take = Callable[[Session, str, str, datetime, Fields], None]


@dataclass(frozen=True, slots=True)
class SettingsSeen:
    """What a pilot's settings are and have cost.

    Attributes:
        source: `pilot.toml` as it was given.
        mirror_usd: Spent on live calls, as far as their prices are known.
        judge_usd: Spent on judges, as far as their prices are known.
        spent_usd: Spent in all; `None` = a price is unknown.
        labellers: People who may label; `None` = nobody has an account of his own.
        removals: The last erasures of texts, newest first.
    """

    details: life.PilotDetails
    source: str
    mirror_usd: Decimal
    judge_usd: Decimal
    spent_usd: Decimal | None
    labellers: tuple[str, ...] | None
    removals: tuple[Receipt, ...] = ()

    @property
    def pilot(self) -> Pilot:
        """Whose settings."""
        return self.details.pilot


def read_settings(session: Session, name: str, now: datetime) -> SettingsSeen:
    """All of it; `NotFound` if there is no such pilot."""
    pilot = get_pilot(session, name)
    people = [person for person in list_people(session) if person.disabled_at is None]
    return SettingsSeen(
        details=life.details_of(session, pilot),
        source=source_of(session, pilot.id),
        mirror_usd=sum((spent(session, pilot.id, purpose)[1] for purpose in PURPOSES), Decimal(0)),
        judge_usd=judge_spent(session, pilot.id, now).usd,
        spent_usd=spend_of(session, pilot.id),
        labellers=tuple(person.name for person in people if person.role is not Role.VIEWER) if people else None,
        removals=tuple(list_receipts(session, pilot.id, most=SHOWN_REMOVALS)),
    )


def take_step(session: Session, step: str, name: str, by: str, now: datetime, fields: Fields) -> Pilot:
    """Takes a step by its name in `STEPS`; what speaks against it is a `Conflict`. Gives the pilot as it is then."""
    STEPS[step](session, name, by, now, fields)
    return get_pilot(session, name)


def no_figures(pilot: Pilot) -> str:
    """Why a pilot's figures cannot be computed; "" = they can."""
    return "the pilot is a draft: figures count from its start on" if pilot.state is PilotState.DRAFT else ""


def _start(session: Session, name: str, by: str, now: datetime, _: Fields) -> None:
    life.start_pilot(session, name, by, now)


def _stop(session: Session, name: str, by: str, now: datetime, _: Fields) -> None:
    life.stop_pilot(session, name, by, now)


def _extend(session: Session, name: str, by: str, _: datetime, fields: Fields) -> None:
    text = fields.get("days", "").strip()
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= life.EXTENSION_DAYS):
        message = f"days: a pilot is extended by 1 to {life.EXTENSION_DAYS} whole days, not {text[:20]!r}"
        raise InvalidInput(message, (Problem(message, field="days"),))
    life.extend_pilot(session, name, by, days=int(text))


def _make_default(session: Session, name: str, by: str, _: datetime, __: Fields) -> None:
    life.make_default(session, name, by)


def _mirror_on(session: Session, name: str, by: str, _: datetime, __: Fields) -> None:
    life.set_mirror(session, name, by, on=True)


def _mirror_off(session: Session, name: str, by: str, _: datetime, __: Fields) -> None:
    life.set_mirror(session, name, by, on=False)


def _compute(session: Session, name: str, by: str, _: datetime, __: Fields) -> None:
    pilot = get_pilot(session, name)
    if why := no_figures(pilot):
        raise Conflict(why, pilot=name)
    record(session, by, "pilot.compute", pilot.id, pilot=name)
    publish_after_commit(session, Job.SCORECARD, name)


STEPS: dict[str, Take] = {
    "compute": _compute,
    "start": _start,
    "mirror-off": _mirror_off,
    "mirror-on": _mirror_on,
    "extend": _extend,
    "default": _make_default,
    "stop": _stop,
}
