"""A pilot: one whole comparison, its arms and its clock."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.configuration import PilotConfiguration
from app.domain.words import ArmRole, PilotState

DAY = timedelta(hours=24)


def start_of(day: date, timezone: str) -> datetime:
    """Midnight of a calendar day in a time zone, as UTC: days are whole 24 h from there, whatever local clocks do."""
    return datetime.combine(day, time(), ZoneInfo(timezone)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Arm:
    """One model in a pilot; `id` is the store's number."""

    id: int
    name: str
    role: ArmRole
    model: str


@dataclass(frozen=True, slots=True)
class Pilot:
    """A pilot as it stands now.

    Attributes:
        starts_at: Beginning of day 1; `None` while a draft without `starts` has no imported exchange.
        extended_days: Added once by `pilot extend`, at most 14.
        shredded_at: Since then its texts cannot be read by anybody.
    """

    id: int
    name: str
    state: PilotState
    configuration: PilotConfiguration
    arms: tuple[Arm, ...]
    starts_at: datetime | None
    extended_days: int
    is_default: bool
    is_detached: bool
    mirror_on: bool
    created_at: datetime
    started_at: datetime | None
    stopped_at: datetime | None
    shredded_at: datetime | None = None

    @property
    def days(self) -> int:
        """Planned days, the extension included."""
        return self.configuration.pilot.days + self.extended_days

    @property
    def ends_at(self) -> datetime | None:
        """End of the last day."""
        return None if self.starts_at is None else self.starts_at + self.days * DAY

    @property
    def incumbent(self) -> Arm:
        """The model that production uses."""
        return next(arm for arm in self.arms if arm.role is ArmRole.INCUMBENT)

    @property
    def candidates(self) -> tuple[Arm, ...]:
        """The models that could replace it, in the configuration's order."""
        return tuple(arm for arm in self.arms if arm.role is ArmRole.CANDIDATE)

    def arm_named(self, name: str) -> Arm:
        """The arm of that name; `KeyError` if there is none."""
        return {arm.name: arm for arm in self.arms}[name]

    def day_of(self, moment: datetime) -> int | None:
        """The day (1 to `days`) that a moment lies in; `None` outside the window or without one."""
        if self.starts_at is None:
            return None
        day = (moment - self.starts_at) // DAY + 1
        return day if 1 <= day <= self.days else None


@dataclass(frozen=True, slots=True)
class Registration:
    """What was fixed before evidence counted; `hash` is that of `document`."""

    hash: str
    document: dict[str, Any]
    registered_at: datetime


@dataclass(frozen=True, slots=True)
class ConfigurationChange:
    """A change of the configuration after the registration; `path` as in `candidate[0].model`."""

    at: datetime
    by: str
    path: str
    before: Any
    after: Any
