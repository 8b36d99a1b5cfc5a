"""What the API takes and gives of engineering hours."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.domain.hours import HoursEntry, HoursKind, HoursVersion
from app.pipeline.hours_totals import Hours, Totals


def _a_number(value: Any) -> Any:
    if isinstance(value, bool):
        msg = "must be a number"
        raise ValueError(msg)  # noqa: TRY004 - pydantic's way
    return value


class NewHours(BaseModel):
    """Hours that a person worked; `recurring` = of a kind that comes again, extrapolated to a month."""

    model_config = ConfigDict(extra="forbid")

    who: str
    worked_on: date
    hours: float | str
    kind: HoursKind
    recurring: bool = False
    note: str = ""

    _number = field_validator("hours", mode="before")(_a_number)


class HoursChanges(BaseModel):
    """A correction: the fields that are wrong, and why; all others stay."""

    model_config = ConfigDict(extra="forbid")

    who: str | None = None
    worked_on: date | None = None
    hours: float | str | None = None
    kind: HoursKind | None = None
    recurring: bool | None = None
    note: str | None = None
    reason: str = Field(default="", description="Why; kept in the entry's history.")

    _number = field_validator("hours", mode="before")(_a_number)

    def texts(self) -> dict[str, str]:
        """The changed fields as texts."""
        given = self.model_dump(mode="json", exclude={"reason"}, exclude_none=True)
        return {key: str(value) for key, value in given.items()}


class HoursBody(BaseModel):
    """A stored entry."""

    id: int
    who: str
    worked_on: date
    hours: float
    kind: str
    recurring: bool
    note: str

    @classmethod
    def of(cls, entry: HoursEntry) -> "HoursBody":
        """From an entry."""
        facts = asdict(entry) | {"hours": float(entry.hours)}
        return cls(recurring=facts.pop("is_recurring"), **facts)


class HoursVersionBody(HoursBody):
    """An entry as it was, who logged it, and what became of it."""

    counts: bool = Field(description="Whether this is the version that counts.")
    logged_by: str
    logged_at: datetime
    source: str = Field(description="The kind of file that it came from: csv, toggl, clockify, jira; empty = none.")
    superseded_by: int | None
    removed_at: datetime | None
    removed_by: str | None
    reason: str = Field(description="Why it was corrected or removed.")

    @classmethod
    def of_version(cls, version: HoursVersion) -> "HoursVersionBody":
        """From a version."""
        facts = {key: value for key, value in asdict(version).items() if key not in ("entry", "external_id")}
        return cls(**HoursBody.of(version.entry).model_dump(), counts=version.counts, **facts)


class HoursHistoryBody(BaseModel):
    """All versions of an entry, oldest first."""

    versions: list[HoursVersionBody]


class SumBody(BaseModel):
    """A sum of hours."""

    one_off_hours: float
    recurring_hours: float
    entries: int

    @classmethod
    def of(cls, hours: Hours) -> "SumBody":
        """From a sum."""
        return cls(one_off_hours=float(hours.one_off), recurring_hours=float(hours.recurring), entries=hours.entries)


class WeekBody(SumBody):
    """A week's sum; `week` counts from the pilot's first day, null = before it, or there is none (then from Monday)."""

    week: int | None
    starts_on: date


class UpkeepBody(BaseModel):
    """Recurring hours a month of 730 hours, from the closed days' weeks, with its two-sided 95 % range."""

    value: float
    low: float
    high: float
    weeks: int
    entries: int


class HoursList(BaseModel):
    """All entries that count and their sums; `recurring_hours` are of a kind that comes again."""

    entries: list[HoursBody]
    one_off_hours: float
    recurring_hours: float
    by_kind: dict[str, SumBody]
    by_person: dict[str, SumBody]
    by_week: list[WeekBody]
    recurring_hours_per_month: UpkeepBody | None = Field(
        description="Null until recurring hours were worked on a closed day of the pilot."
    )

    @classmethod
    def of(cls, entries: list[HoursEntry], totals: Totals) -> "HoursList":
        """From entries and their sums."""
        upkeep = totals.upkeep
        month = None
        if upkeep is not None:
            ends = {name: float(getattr(upkeep, name)) for name in ("value", "low", "high")}
            month = UpkeepBody(**ends, weeks=upkeep.weeks, entries=upkeep.entries)
        return cls(
            entries=[HoursBody.of(entry) for entry in entries],
            one_off_hours=float(totals.every.one_off),
            recurring_hours=float(totals.every.recurring),
            by_kind={kind: SumBody.of(hours) for kind, hours in totals.by_kind.items()},
            by_person={who: SumBody.of(hours) for who, hours in totals.by_person.items()},
            by_week=[
                WeekBody(**SumBody.of(each.hours).model_dump(), week=each.week, starts_on=each.starts_on)
                for each in totals.by_week
            ],
            recurring_hours_per_month=month,
        )


class HoursImportBody(BaseModel):
    """What an import did: entries that were stored already are `unchanged`. All after that is said of trackers' files alone."""

    lines: int
    new: int
    unchanged: int
    source: str = Field(default="csv", description="The format that was found: toggl, clockify or jira.")
    corrected: int = Field(default=0, description="Changed in the tracker since the last import.")
    too_short: int = Field(default=0, description="Below 18 seconds, which is 0.00 hours.")
    one_off_hours: float = 0.0
    recurring_hours: float = 0.0
    hours_by_kind: dict[str, float] = Field(default={}, description="Of the entries that are new or corrected.")
