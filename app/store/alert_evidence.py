"""What alarms are decided on, read cheaply: newest rows only, whatever the pilot's size."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.domain.pilot import Pilot
from app.store.live_tables import BootCountRow, BootRow, RecorderStateRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Of a window only its ends are looked at: what failed at both of them is taken to have failed between.
NEWEST, OLDEST = 2000, 500
_ARMS = text(f"""
WITH looked_at AS (
    (SELECT id, arrived_at FROM exchanges WHERE pilot_id = :pilot AND source = 'live' AND arrived_at >= :since
        AND arrived_at <= :now ORDER BY arrived_at DESC LIMIT {NEWEST})
    UNION
    (SELECT id, arrived_at FROM exchanges WHERE pilot_id = :pilot AND source = 'live' AND arrived_at >= :since
        AND arrived_at <= :now ORDER BY arrived_at LIMIT {OLDEST})
)
SELECT r.arm_id, count(*) AS calls, count(r.failure) AS failures,
    min(l.arrived_at) FILTER (WHERE r.failure IS NOT NULL) AS failing_since
FROM looked_at l JOIN replies r ON r.exchange_id = l.id AND r.arm_id = ANY(:arms) GROUP BY 1
""")  # noqa: S608 - our own numbers
_ASKED = text(f"""
WITH looked_at AS (
    SELECT id, arrived_at FROM exchanges
    WHERE pilot_id = :pilot AND source = 'live' AND arrived_at >= :since AND arrived_at <= :until
        AND awaits && CAST(:arms AS bigint[])
    ORDER BY arrived_at LIMIT {OLDEST}
)
SELECT count(*) AS asked, min(arrived_at) AS since, count(*) FILTER (WHERE
    EXISTS (SELECT FROM replies r WHERE r.exchange_id = l.id AND r.arm_id = ANY(:arms))
    OR EXISTS (SELECT FROM skipped_replies s WHERE s.exchange_id = l.id AND s.arm_id = ANY(:arms) AND s.reason = 'over_budget')
) AS answered FROM looked_at l
""")  # noqa: S608 - our own numbers
# Only what the rules read leaves the database: a scorecard is large.
_SCORECARD = text("""
SELECT candidate.key AS name, candidate.value -> 'drift' -> 'frozen' AS frozen,
    candidate.value -> 'drift' -> 'reasons' AS reasons,
    candidate.value -> 'drift' -> 'judge' -> -1 AS judge_week, s.document -> 'control' AS control,
    s.document -> 'canaries' AS canaries
FROM (
    SELECT document FROM scorecards WHERE pilot_id = :pilot ORDER BY computed_at DESC, id DESC LIMIT 1
) AS s, jsonb_each(s.document -> 'candidates') AS candidate
""")
_GRADING = text("SELECT state, problem, asked_at FROM gradings WHERE pilot_id = :pilot")
_MIRROR_SPEND = text("""
SELECT sum(usd) AS usd, count(*) FILTER (WHERE usd IS NULL) AS unpriced FROM spend
WHERE pilot_id = :pilot AND purpose = ANY(:purposes)
""")
MIRROR_PURPOSES = ("mirror", "control", "repeat")


@dataclass(frozen=True, slots=True)
class ProducersSeen:
    """What producers of a pilot counted; all `None` if none ever did."""

    counted_at: datetime | None = None
    is_gateway: bool = True
    waiting_since: datetime | None = None
    heard_at: datetime | None = None


def read_producers(session: Session, pilot_id: int) -> ProducersSeen:
    """When they counted last, and since when requests that they counted are missing."""
    mine = select(BootCountRow.boot).where(BootCountRow.pilot_id == pilot_id, BootCountRow.issued > 0)
    newest = select(BootRow.last_at, BootRow.source).where(BootRow.boot.in_(mine)).order_by(BootRow.last_at.desc()).limit(1)
    boot = session.execute(newest).one_or_none()
    if boot is None:
        return ProducersSeen()
    heard = session.scalar(select(func.max(BootCountRow.last_seen_at)).where(BootCountRow.pilot_id == pilot_id))
    return ProducersSeen(boot.last_at, boot.source == "gateway", _waiting_since(session, pilot_id), heard)


def _waiting_since(session: Session, pilot_id: int) -> datetime | None:
    """By then a request was numbered that may still come: the oldest checkpoint of a boot with missing numbers."""
    open_counts = select(BootCountRow).where(BootCountRow.pilot_id == pilot_id, BootCountRow.checkpoints != [])
    oldest = [
        row.checkpoints[0][0] for row in session.scalars(open_counts) if row.issued > row.seen + sum(row.dropped.values())
    ]
    return _EPOCH + timedelta(microseconds=min(oldest)) if oldest else None


def recorder_done_at(session: Session) -> datetime | None:
    """When the recorder was last done with what stood in the stream; `None` = it never ran."""
    return session.scalar(select(RecorderStateRow.updated_at))


@dataclass(frozen=True, slots=True)
class ArmCalls:
    """Newest calls of an arm to which live requests led."""

    calls: int
    failures: int
    failing_since: datetime | None


def read_arm_calls(session: Session, pilot: Pilot, *, since: datetime, now: datetime) -> dict[int, ArmCalls]:
    """By arm: calls for live requests that arrived in a window, both ends of it where there are many."""
    parameters = {"pilot": pilot.id, "since": since, "now": now, "arms": [arm.id for arm in pilot.candidates]}
    return {row.arm_id: ArmCalls(row.calls, row.failures, row.failing_since) for row in session.execute(_ARMS, parameters)}


@dataclass(frozen=True, slots=True)
class AskedSeen:
    """Requests that a candidate had to be asked for, and how many of them led to anything."""

    asked: int
    since: datetime | None
    answered: int


def read_asked(session: Session, pilot: Pilot, *, since: datetime, until: datetime) -> AskedSeen:
    """Of live requests that arrived in a window: its oldest ones, which had the most time."""
    parameters = {"pilot": pilot.id, "since": since, "until": until, "arms": [arm.id for arm in pilot.candidates]}
    return AskedSeen(*session.execute(_ASKED, parameters).one())


@dataclass(frozen=True, slots=True)
class CardSeen:
    """What the newest scorecard says of one candidate, and of the judge."""

    name: str
    is_frozen: bool
    reasons: tuple[str, ...]
    judge_week: dict[str, Any] | None
    control: dict[str, Any] | None
    canaries: dict[str, Any] | None


def read_card(session: Session, pilot_id: int) -> list[CardSeen]:
    """By candidate; none before a scorecard was computed."""
    return [
        CardSeen(row.name, bool(row.frozen), tuple(row.reasons or ()), row.judge_week, row.control, row.canaries)
        for row in session.execute(_SCORECARD, {"pilot": pilot_id})
    ]


@dataclass(frozen=True, slots=True)
class GradingSeen:
    """A pilot's grading: `running`, `done` or `stopped` with a problem, and when it was asked for last."""

    state: str
    problem: str
    asked_at: datetime


def read_grading(session: Session, pilot_id: int) -> GradingSeen | None:
    """How the grading of a pilot stands; `None` if none was ever asked for."""
    row = session.execute(_GRADING, {"pilot": pilot_id}).one_or_none()
    return None if row is None else GradingSeen(row.state, row.problem, row.asked_at)


def read_mirror_spend(session: Session, pilot_id: int) -> tuple[Any, int]:
    """Dollars that asking models live has cost (`None` = nothing yet), and calls whose price nobody knows."""
    row = session.execute(_MIRROR_SPEND, {"pilot": pilot_id, "purposes": list(MIRROR_PURPOSES)}).one()
    return row.usd, row.unpriced
