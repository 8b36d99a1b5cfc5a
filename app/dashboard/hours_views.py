"""What the page of hours shows, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.costs.upkeep import amortised_hours
from app.domain.configuration import PilotConfiguration
from app.domain.hours import HoursVersion
from app.pipeline.hours import texts_of
from app.pipeline.hours_totals import Hours, Totals
from app.reports import figures


@dataclass(frozen=True, slots=True)
class EntryView:
    """An entry as it is shown, and the fields of the form that corrects it: as stored, or as just typed."""

    id: int
    day: str
    who: str
    hours: str
    kind: str
    often: str
    note: str
    texts: Mapping[str, str]
    is_open: bool
    may_change: bool

    @classmethod
    def of(cls, version: HoursVersion, typed: Mapping[str, str] | None, *, may: bool) -> "EntryView":
        """From an entry that counts; `typed` = what its form was sent with, and refused."""
        entry = version.entry
        stored = texts_of(entry)
        if not entry.is_recurring:
            del stored["recurring"]  # as an unticked box
        return cls(
            id=entry.id,
            day=day_of(entry.worked_on),
            who=entry.who,
            hours=_hours(entry.hours),
            kind=entry.kind,
            often="comes again" if entry.is_recurring else "once",
            note=entry.note,
            texts=stored if typed is None else typed,
            is_open=typed is not None,
            may_change=may,
        )


@dataclass(frozen=True, slots=True)
class Fact:
    """A number with its name and what it rests on."""

    name: str
    value: str
    detail: str


@dataclass(frozen=True, slots=True)
class SumTable:
    """Hours by one thing: label, once, recurring, entries."""

    title: str
    what: str
    rows: list[tuple[str, str, str, str]]


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """A version and what became of it."""

    id: int
    facts: str
    note: str
    logged: str
    fate: str


def facts_of(totals: Totals, configuration: PilotConfiguration) -> list[Fact]:
    """What the hours mean for the month."""
    cost = configuration.cost
    rate = cost.engineer_usd_per_hour if cost is not None else None
    horizon = cost.horizon_months if cost is not None else None
    once = totals.every.one_off
    spread = "spread over [cost] horizon_months"
    if horizon is not None:
        spread = f"{_hours(amortised_hours(one_off_hours=once, horizon_months=horizon))} a month over {horizon} months"
    return [
        Fact("Once, so far", _hours(once), f"{_at(once, rate)}{spread}"),
        Fact(
            "Of a kind that comes again, so far",
            _hours(totals.every.recurring),
            "what the candidate asks for as long as it serves",
        ),
        _upkeep_fact(totals, rate),
    ]


def sums_of(totals: Totals) -> list[SumTable]:
    """The sums by kind, by person and by week."""
    weeks = [(_week(each.week, each.starts_on), each.hours) for each in totals.by_week]
    return [
        SumTable("Hours by kind", "Kind", _rows(list(totals.by_kind.items()))),
        SumTable("Hours by person", "Who", _rows(list(totals.by_person.items()))),
        SumTable("Hours by week, the newest first", "Week", _rows(weeks)),
    ]


def history_lines(versions: Sequence[HoursVersion], timezone: str) -> list[HistoryLine]:
    """All versions in words, oldest first."""
    return [
        HistoryLine(
            id=version.entry.id,
            facts=(
                f"{_hours(version.entry.hours)} of {version.entry.who} on {day_of(version.entry.worked_on)}: "
                f"{version.entry.kind}, {'comes again' if version.entry.is_recurring else 'once'}"
            ),
            note=version.entry.note,
            logged=f"{version.logged_by}, {figures.moment(version.logged_at, timezone)}"
            + (f", from a file ({version.source})" if version.source else ""),
            fate=_fate(version, timezone),
        )
        for version in versions
    ]


def day_of(day: date) -> str:
    """`2 Nov 2026`."""
    return f"{day.day} {day:%b %Y}"


def _upkeep_fact(totals: Totals, rate: Decimal | None) -> Fact:
    upkeep = totals.upkeep
    name = "Upkeep a month, extrapolated"
    if upkeep is None:
        why = "no day is closed yet" if not totals.closed_days else "nothing that comes again was logged on a closed day"
        return Fact(name, figures.UNKNOWN, why)
    value, low, high = (float(hours) for hours in (upkeep.value, upkeep.low, upkeep.high))
    ends = f"95% sure: {figures.number(low, 1)} to {figures.number(high, 1)} h, from {_counted(upkeep.weeks, 'week')}"
    entries = f"{upkeep.entries} entr{'y' if upkeep.entries == 1 else 'ies'}"
    cost = "" if rate is None else f"; {figures.money(upkeep.value * rate)} a month"
    return Fact(name, f"{figures.number(value, 1)} h", f"{ends} and {entries}{cost}")


def _at(hours: Decimal, rate: Decimal | None) -> str:
    return f"{figures.money(hours * rate)} at {figures.money(rate)} an hour; " if rate is not None else ""


def _rows(groups: Sequence[tuple[str, Hours]]) -> list[tuple[str, str, str, str]]:
    return [(label, _sum(of.one_off), _sum(of.recurring), str(of.entries)) for label, of in groups]


def _sum(hours: Decimal) -> str:
    return f"{hours:,.2f}"


def _hours(hours: Decimal) -> str:
    return f"{hours:,.2f} h"


def _week(week: int | None, starts_on: date) -> str:
    begins = day_of(starts_on)
    return f"{week}, from {begins}" if week is not None else f"from {begins}"


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _fate(version: HoursVersion, timezone: str) -> str:
    why = f": {version.reason}" if version.reason else ""
    if version.superseded_by is not None:
        return f"Corrected, number {version.superseded_by} is in its place{why}"
    if version.removed_at is not None:
        return f"Removed by {version.removed_by}, {figures.moment(version.removed_at, timezone)}{why}"
    return "Counts"
