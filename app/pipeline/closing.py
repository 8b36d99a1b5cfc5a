"""Which requests count: the one reason of each in the ledger, its day, and the days that are closed (CONTRACTS section 5)."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from app.domain.evidence import (
    ArmEvidence,
    Evidence,
    Flags,
    Floats,
    LiveColumns,
    Numbers,
    ReplyColumns,
    Words,
    places_by_number,
)
from app.domain.grading import ANCHOR, anchor_week
from app.domain.ledger import BYPASSED, FOLDED, LiveLedger
from app.domain.measures import is_client_status
from app.domain.pilot import DAY, Pilot
from app.domain.words import CoverageReason, FailureKind, Source

NOT_LIVE = LiveLedger()
SHED = "shed"
DAYS_A_WEEK = 7
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# Lines of requests that left a copy and have no exchange, and of those that bypassed.
_COPIED_LINES = (CoverageReason.NOT_SAMPLED.value, CoverageReason.UNREADABLE_BODY.value, FOLDED)
_PRECEDENCE = list(CoverageReason)


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """What of the evidence counts.

    Attributes:
        reasons: Each exchange's one reason in the ledger.
        days: Each exchange's day, 0 outside the window.
        captured: Which exchanges the ledger calls captured, the open day's too.
        counted: Which of them lie in closed days: estimates and gates rest on these.
        closed: The numbers of the closed days, ascending.
        ends_at: End of the last closed day; `None` = no day is closed.
        shed: How many requests producers shed on each day, by its number: they left no exchange.
    """

    reasons: Words
    days: Numbers
    captured: Flags
    counted: Flags
    closed: tuple[int, ...]
    ends_at: datetime | None
    shed: dict[int, int] = field(default_factory=dict)

    @property
    def last_day(self) -> int:
        """Number of the last closed day; 0 = none is closed."""
        return self.closed[-1] if self.closed else 0

    def count_by_reason(self) -> dict[str, int]:
        """How many requests have each reason."""
        counts = Counter(self.reasons.tolist())
        return {reason.value: counts.get(reason.value, 0) for reason in CoverageReason}


def select_evidence(
    pilot: Pilot, evidence: Evidence, *, now: datetime, as_of: datetime | None = None, ledger: LiveLedger = NOT_LIVE
) -> Selection:
    """Reads the ledger's reasons and the closed days off the evidence.

    Args:
        pilot: Its window and sampling rate.
        evidence: All of it, or what had happened by `as_of`.
        now: Days that are not over yet are open.
        as_of: Days that end after it are open too.
        ledger: Live requests without an exchange; a day of a live pilot is over when all of it is recorded.
    """
    days = _days(pilot, evidence.exchanges.arrived_us)
    reasons = _reasons(pilot, evidence, days)
    closed = _closed_days(evidence, days, over=days_over(pilot, ledger, now=now, as_of=as_of))
    captured = np.asarray(reasons == CoverageReason.CAPTURED.value, dtype=bool)
    ends_at = pilot.starts_at + closed[-1] * DAY if closed and pilot.starts_at is not None else None
    return Selection(reasons, days, captured, captured & np.isin(days, closed), closed, ends_at, _shed(pilot, ledger))


def _shed(pilot: Pilot, ledger: LiveLedger) -> dict[int, int]:
    return dict(_by_day(pilot, ledger, (SHED,)))


def microseconds(moment: datetime) -> int:
    """Whole microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND


def _days(pilot: Pilot, arrived_us: Numbers) -> Numbers:
    if pilot.starts_at is None:
        return np.zeros(len(arrived_us), dtype=np.int64)
    days = (arrived_us - microseconds(pilot.starts_at)) // (DAY // MICROSECOND) + 1
    return np.where((days >= 1) & (days <= pilot.days), days, 0)


def _reasons(pilot: Pilot, evidence: Evidence, days: Numbers) -> Words:
    """The first reason that applies, in the ledger's order."""
    exchanges = evidence.exchanges
    place = {reason.value: number for number, reason in enumerate(_PRECEDENCE)}
    found = np.array([place[reason] for reason in exchanges.reasons.tolist()], dtype=np.int64)
    for reason, applies in (
        (CoverageReason.MIRRORING_OFF, _not_running(pilot, evidence)),
        (CoverageReason.OUTSIDE_WINDOW, days == 0),
        (CoverageReason.NOT_SAMPLED, exchanges.sample_points >= pilot.configuration.sampling.rate),
        (CoverageReason.CLIENT_ERROR, _client_errors(evidence.incumbent)),
        (CoverageReason.PENDING, ~exchanges.is_closed),
    ):
        found = np.where(applies, np.minimum(found, place[reason.value]), found)
    words = np.array([reason.value for reason in _PRECEDENCE], dtype=object)
    return words[found] if len(found) else np.empty(0, dtype=object)


def sampling_weights(pilot: Pilot, evidence: Evidence, ledger: LiveLedger = NOT_LIVE) -> Floats:
    """How many production requests each exchange stands for.

    It takes part if its point is below the present rate and the one that held when it came, and if no gateway drew it to
    bypass mirroring.

    Args:
        pilot: Its window and sampling rate.
        evidence: At least all exchanges of the days that are weighted.
        ledger: Live requests without an exchange.
    """
    rate: Floats | float = pilot.configuration.sampling.rate
    if evidence.live is not None:
        rate = np.minimum(rate, evidence.live.sampling_rates)
    weights = np.asarray(1.0 / (evidence.exchanges.inclusion_probability * rate), dtype=np.float64)
    return weights * _for_bypassed(pilot, evidence, ledger)


def _for_bypassed(pilot: Pilot, evidence: Evidence, ledger: LiveLedger) -> Floats:
    """For how many requests of its day each live exchange stands, as some were drawn to leave no copy."""
    factor = np.ones(len(evidence.exchanges), dtype=np.float64)
    bypassed = _by_day(pilot, ledger, (BYPASSED,))
    if evidence.live is None or not bypassed:
        return factor
    days, without = _days(pilot, evidence.exchanges.arrived_us), _by_day(pilot, ledger, _COPIED_LINES)
    for day, drawn in bypassed.items():
        rows = evidence.live.is_live & (days == day)
        copied = int(rows.sum()) + without[day] - drawn
        if copied > 0:
            factor[rows] = 1 + drawn / copied
    return factor


def _by_day(pilot: Pilot, ledger: LiveLedger, reasons: tuple[str, ...]) -> Counter[int]:
    found: Counter[int] = Counter()
    for line in ledger.lines:
        day = pilot.day_of(line.at) if line.reason in reasons else None
        if day is not None:
            found[day] += line.requests
    return found


def _not_running(pilot: Pilot, evidence: Evidence) -> Flags:
    """Live requests that a mirror took for a pilot that was not started yet, or stopped already."""
    arrived = evidence.exchanges.arrived_us
    early = arrived < microseconds(pilot.started_at) if pilot.started_at is not None else np.ones(len(arrived), dtype=bool)
    late = arrived >= microseconds(pilot.stopped_at) if pilot.stopped_at is not None else np.zeros(len(arrived), dtype=bool)
    return np.asarray((evidence.exchanges.sources == Source.LIVE.value) & (early | late), dtype=bool)


def _client_errors(incumbent: ReplyColumns) -> Flags:
    """4xx of the incumbent but those that are its own fault."""
    return np.asarray((incumbent.failures == FailureKind.HTTP.value) & is_client_status(incumbent.status), dtype=bool)


def days_over(pilot: Pilot, ledger: LiveLedger, *, now: datetime, as_of: datetime | None = None) -> int:
    """How many of the pilot's days are over, and recorded if it is a live one; those that nothing waits for are closed."""
    if pilot.starts_at is None:
        return 0
    recorded = (ledger.watermark_at or EPOCH) if ledger.is_live else None
    until = min(moment for moment in (now, as_of, pilot.stopped_at, recorded) if moment)
    return min(pilot.days, max(0, (until - pilot.starts_at) // DAY))


def _closed_days(evidence: Evidence, days: Numbers, *, over: int) -> tuple[int, ...]:
    still_open = set(days[~evidence.exchanges.is_closed].tolist())
    return tuple(day for day in range(1, over + 1) if day not in still_open)


def content_hashes(evidence: Evidence, selection: Selection) -> dict[int, str]:
    """SHA-256 of all that is known of each closed day; neither the order of import nor the store's numbers enter."""
    rows = dict(places_by_number(selection.days))
    arms = [_ArmOfDays(arm, selection.days) for _, arm in sorted(evidence.arms.items())]
    control = _ArmOfDays(evidence.live.control, selection.days) if evidence.live and evidence.live.control else None
    none = np.empty(0, dtype=np.int64)
    return {day: _digest(_day_columns(evidence, rows.get(day, none), day, arms, control)) for day in selection.closed}


class _ArmOfDays:
    """An arm's grades and labels, by the day of their exchange; each is looked for once, not once a day."""

    def __init__(self, arm: ArmEvidence, days: Numbers) -> None:
        self.arm = arm
        is_again = np.asarray(arm.grades.graders == ANCHOR, dtype=bool)
        self.grades = arm.grades.where(~is_again) if is_again.any() else arm.grades
        self.grades_by_day = dict(places_by_number(days[self.grades.rows]))
        self.labels_by_day = dict(places_by_number(days[arm.labels.rows]))
        again = np.flatnonzero(is_again)
        weeks = np.array([anchor_week(version) for version in arm.grades.versions[again].tolist()], dtype=np.int64)
        self.again_by_day = {day: again[places] for day, places in places_by_number(weeks * DAYS_A_WEEK)}


def _digest(columns: Iterable[Words | Numbers | Floats | Flags]) -> str:
    digest = hashlib.sha256()
    for column in columns:
        content = "\x1f".join(column.tolist()).encode() if column.dtype == object else column.tobytes()
        digest.update(len(content).to_bytes(8, "big"))
        digest.update(content)
    return digest.hexdigest()


def _day_columns(
    evidence: Evidence, rows: Numbers, day: int, arms: list[_ArmOfDays], control: _ArmOfDays | None
) -> Iterator[Any]:
    exchanges = evidence.exchanges
    for name in exchanges.__slots__:
        if name != "ids":
            yield getattr(exchanges, name)[rows]
    yield from (getattr(evidence.incumbent, name)[rows] for name in evidence.incumbent.__slots__)
    for name, arm in zip(sorted(evidence.arms), arms, strict=True):
        yield np.array([name], dtype=object)
        yield from _arm_columns(arm, exchanges.external_ids, rows, day)
        yield from _anchor_columns(arm, exchanges.external_ids, day)
    if evidence.live is not None and evidence.live.is_live[rows].any():
        yield from _live_columns(evidence.live, rows)
        if control is not None:
            yield from _arm_columns(control, exchanges.external_ids, rows, day)


def _live_columns(live: LiveColumns, rows: Numbers) -> Iterator[Any]:
    """Only of days with live exchanges: the other days' hashes are those of before there were any."""
    yield from (getattr(live, name)[rows] for name in ("sampling_rates", "users", "folded_attempts", "failed_attempts"))
    for name in sorted(live.skipped):
        yield np.array([name], dtype=object)
        yield live.skipped[name][rows]
        yield live.queue_lag_seconds[name][rows]


def _arm_columns(of_days: _ArmOfDays, external_ids: Words, rows: Numbers, day: int) -> Iterator[Any]:
    arm, none = of_days.arm, np.empty(0, dtype=np.int64)
    yield from (getattr(arm.replies, name)[rows] for name in arm.replies.__slots__)
    yield from (getattr(arm.pairs, name)[rows] for name in arm.pairs.__slots__)
    for columns, by_day in ((of_days.grades, of_days.grades_by_day), (arm.labels, of_days.labels_by_day)):
        there = by_day.get(day, none)
        yield external_ids[columns.rows[there]]
        # When a grade was asked for is no part of what it says.
        yield from (getattr(columns, name)[there] for name in columns.__slots__ if name not in ("rows", "graded_us"))


def _anchor_columns(of_days: _ArmOfDays, external_ids: Words, day: int) -> Iterator[Any]:
    """What the judge said when it was asked again: known at the end of its week, whenever the pairs themselves arrived."""
    if day in of_days.again_by_day:
        said = of_days.arm.grades.where(of_days.again_by_day[day])
        yield external_ids[said.rows]
        yield from (getattr(said, name) for name in said.__slots__ if name not in ("rows", "graded_us"))
