"""The tables. Narrow facts are columns; text lives in `payloads`, partitioned by week so that retention is a drop.

Grades and labels are keyed by (exchange, arm) and not by a pair's row, so that imports may arrive in any order.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    MetaData,
    Numeric,
    SmallInteger,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, DOUBLE_PRECISION, JSONB, TEXT, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Declarative base with the column types of the whole schema."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own way
        datetime: TIMESTAMP(timezone=True),
        str: TEXT(),
        float: DOUBLE_PRECISION(),
        bytes: BYTEA(),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
        list[str]: ARRAY(TEXT()),
        Decimal: Numeric(18, 8),
    }


def _number() -> Mapped[int]:
    return mapped_column(BigInteger, Identity(), primary_key=True)


def _now() -> Mapped[datetime]:
    return mapped_column(server_default=func.now())


class PilotRow(Base):
    """A pilot; `configuration` is what counts now, `registrations` what was hashed at the start."""

    __tablename__ = "pilots"
    id: Mapped[int] = _number()
    name: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str] = mapped_column(server_default="draft")
    configuration: Mapped[dict[str, Any]]
    source_toml: Mapped[str]
    guesses: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    starts_at: Mapped[datetime | None]
    extended_days: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))
    is_detached: Mapped[bool] = mapped_column(server_default=text("false"))
    mirror_on: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[datetime] = _now()
    started_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("state IN ('draft', 'running', 'stopped')", name="state"),
        Index("uq_pilots_default", "is_default", unique=True, postgresql_where=text("is_default")),
    )


class RegistrationRow(Base):
    """What was fixed before evidence counted: written once at the start, never changed."""

    __tablename__ = "registrations"
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), primary_key=True)
    hash: Mapped[str]
    document: Mapped[dict[str, Any]]
    registered_at: Mapped[datetime] = _now()


class ConfigurationChangeRow(Base):
    """A change of the configuration after the registration; listed in scorecard and report."""

    __tablename__ = "configuration_changes"
    id: Mapped[int] = _number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = _now()
    by: Mapped[str]
    path: Mapped[str]
    before: Mapped[Any | None] = mapped_column(JSONB)
    after: Mapped[Any | None] = mapped_column(JSONB)


class ArmRow(Base):
    """One model in a pilot."""

    __tablename__ = "arms"
    id: Mapped[int] = _number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"))
    name: Mapped[str]
    role: Mapped[str]
    model: Mapped[str]
    __table_args__ = (
        UniqueConstraint("pilot_id", "name"),
        CheckConstraint("role IN ('incumbent', 'candidate', 'control')", name="role"),
    )


class ExchangeRow(Base):
    """One production request, narrow.

    `reason` is the intrinsic part of the ledger's reason; window, sampling and client errors are derived on reading.
    `given` names the optional keys that the import line had, `content_hash` its whole content: both serve merging.
    `sample_point` is the conversation's hash in [0, 1): it takes part if it is below the sampling rate.
    """

    __tablename__ = "exchanges"
    id: Mapped[int] = _number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"))
    external_id: Mapped[str]
    arrived_at: Mapped[datetime]
    conversation_id: Mapped[str]
    turn: Mapped[int | None]
    segment: Mapped[str]
    inclusion_probability: Mapped[float] = mapped_column(server_default="1")
    sample_point: Mapped[float]
    source: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default="captured")
    given: Mapped[list[str]] = mapped_column(server_default=text("'{}'::text[]"))
    content_hash: Mapped[bytes | None]
    recorded_at: Mapped[datetime] = _now()
    closed_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("pilot_id", "external_id"),
        Index("ix_exchanges_pilot_id_arrived_at", "pilot_id", "arrived_at"),
        Index("ix_exchanges_pilot_id_conversation_id", "pilot_id", "conversation_id"),
        CheckConstraint("inclusion_probability > 0 AND inclusion_probability <= 1", name="inclusion_probability"),
    )


class PayloadRow(Base):
    """The text of an exchange's request (`arm_id` 0) or of an arm's reply: JSON bytes."""

    __tablename__ = "payloads"
    exchange_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    arm_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    arrived_at: Mapped[datetime] = mapped_column(primary_key=True)
    pilot_id: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[bytes]
    __table_args__ = ({"postgresql_partition_by": "RANGE (arrived_at)"},)


class ReplyRow(Base):
    """One arm's reply or failure, narrow; `failure` None = it answered."""

    __tablename__ = "replies"
    exchange_id: Mapped[int] = mapped_column(ForeignKey("exchanges.id", ondelete="CASCADE"), primary_key=True)
    arm_id: Mapped[int] = mapped_column(ForeignKey("arms.id", ondelete="CASCADE"), primary_key=True)
    pilot_id: Mapped[int] = mapped_column(BigInteger)
    source: Mapped[str]
    failure: Mapped[str | None]
    status: Mapped[int | None]
    finish_reason: Mapped[str | None]
    model: Mapped[str | None]
    content_chars: Mapped[int | None]
    input_tokens: Mapped[int | None]
    cached_input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    reasoning_tokens: Mapped[int | None]
    ttft_any_seconds: Mapped[float | None]
    ttft_visible_seconds: Mapped[float | None]
    total_seconds: Mapped[float | None]
    lag_seconds: Mapped[float | None]
    adaptation: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    caused_by_adaptation: Mapped[bool] = mapped_column(server_default=text("false"))
    recorded_at: Mapped[datetime] = _now()
    __table_args__ = (Index("ix_replies_pilot_id_arm_id", "pilot_id", "arm_id"),)


class PairRow(Base):
    """An exchange with the incumbent's reply and another arm's, and how far its grading is.

    `rule` and `preference` are what steps 1 to 3 decided; for rule `grader` the preference is the mean of the grades.
    `ungraded` says why a settled pair has no preference. `claimed_until` is a worker's lease.
    """

    __tablename__ = "pairs"
    exchange_id: Mapped[int] = mapped_column(ForeignKey("exchanges.id", ondelete="CASCADE"), primary_key=True)
    arm_id: Mapped[int] = mapped_column(ForeignKey("arms.id", ondelete="CASCADE"), primary_key=True)
    pilot_id: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(server_default="pending")
    rule: Mapped[str | None]
    preference: Mapped[float | None]
    ungraded: Mapped[str | None]
    facts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    claimed_until: Mapped[datetime | None]
    claimed_by: Mapped[str | None]
    settled_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'settled')", name="state"),
        Index("ix_pairs_pilot_id_arm_id", "pilot_id", "arm_id"),
        Index("ix_pairs_pending", "pilot_id", "exchange_id", postgresql_where=text("state = 'pending'")),
    )


class GradingRow(Base):
    """The last grading that was asked for of a pilot; `stopped` = it cannot go on, `problem` says why."""

    __tablename__ = "gradings"
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), primary_key=True)
    state: Mapped[str]
    problem: Mapped[str] = mapped_column(server_default="")
    asked_at: Mapped[datetime] = _now()
    finished_at: Mapped[datetime | None]
    __table_args__ = (CheckConstraint("state IN ('running', 'done', 'stopped')", name="state"),)


class GradeRow(Base):
    """A grader's result for a pair in one order, or why there is none.

    `at` is event time (what `--as-of` cuts), `graded_at` wall time. `value` is the preference for the arm in [0, 1].
    """

    __tablename__ = "grades"
    id: Mapped[int] = _number()
    pilot_id: Mapped[int] = mapped_column(BigInteger)
    exchange_id: Mapped[int] = mapped_column(ForeignKey("exchanges.id", ondelete="CASCADE"))
    arm_id: Mapped[int] = mapped_column(ForeignKey("arms.id", ondelete="CASCADE"))
    grader: Mapped[str]
    rater: Mapped[str] = mapped_column(server_default="")
    version: Mapped[str]
    shown_first: Mapped[str | None]
    value: Mapped[float | None]
    ungraded: Mapped[str | None]
    reason: Mapped[str | None]
    facts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    source: Mapped[str]
    at: Mapped[datetime]
    at_given: Mapped[bool] = mapped_column(server_default=text("false"))
    graded_at: Mapped[datetime] = _now()
    cost_usd: Mapped[Decimal | None]
    __table_args__ = (
        UniqueConstraint(
            "exchange_id",
            "arm_id",
            "grader",
            "rater",
            "version",
            "shown_first",
            name="uq_grades_once",
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("(value IS NULL) <> (ungraded IS NULL)", name="value_or_ungraded"),
        CheckConstraint("value BETWEEN 0 AND 1", name="value"),
        Index("ix_grades_pilot_id", "pilot_id", "arm_id"),
    )


class LabelRow(Base):
    """A person's blind preference; `value` None = skipped."""

    __tablename__ = "labels"
    id: Mapped[int] = _number()
    pilot_id: Mapped[int] = mapped_column(BigInteger)
    exchange_id: Mapped[int] = mapped_column(ForeignKey("exchanges.id", ondelete="CASCADE"))
    arm_id: Mapped[int] = mapped_column(ForeignKey("arms.id", ondelete="CASCADE"))
    rater: Mapped[str]
    value: Mapped[float | None]
    skipped: Mapped[str | None]
    critical: Mapped[bool | None]
    draw_probability: Mapped[float | None]
    source: Mapped[str]
    at: Mapped[datetime]
    at_given: Mapped[bool] = mapped_column(server_default=text("false"))
    __table_args__ = (
        UniqueConstraint("exchange_id", "arm_id", "rater"),
        CheckConstraint("value BETWEEN 0 AND 1", name="value"),
        CheckConstraint("draw_probability > 0 AND draw_probability <= 1", name="draw_probability"),
        Index("ix_labels_pilot_id", "pilot_id", "arm_id"),
    )


class HoursRow(Base):
    """Engineering hours; a correction supersedes, so that history stays."""

    __tablename__ = "hours"
    id: Mapped[int] = _number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), index=True)
    who: Mapped[str]
    worked_on: Mapped[date]
    hours: Mapped[Decimal] = mapped_column(Numeric(8, 2))
    kind: Mapped[str]
    is_recurring: Mapped[bool]
    note: Mapped[str] = mapped_column(server_default="")
    logged_by: Mapped[str]
    logged_at: Mapped[datetime] = _now()
    superseded_by: Mapped[int | None] = mapped_column(ForeignKey("hours.id"))
    __table_args__ = (CheckConstraint("hours > 0", name="hours"),)


class ClosedDayRow(Base):
    """A closed day of a pilot; `times_closed` above 1 = it was reopened by an import, replay, grade or label."""

    __tablename__ = "closed_days"
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    closed_at: Mapped[datetime] = _now()
    times_closed: Mapped[int] = mapped_column(server_default="1")
    content_hash: Mapped[str]


class DailySumRow(Base):
    """Sums over the conversations of one closed day: all that the sequential rules need."""

    __tablename__ = "daily_sums"
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), primary_key=True)
    arm_id: Mapped[int] = mapped_column(ForeignKey("arms.id", ondelete="CASCADE"), primary_key=True)
    segment: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    series: Mapped[str] = mapped_column(primary_key=True)
    n: Mapped[int]
    sum_w: Mapped[float]
    sum_w2: Mapped[float]
    sum_wx: Mapped[float]
    sum_w2x: Mapped[float]
    sum_w2x2: Mapped[float]
    sum_wx2: Mapped[float]


class ScorecardRow(Base):
    """A computed scorecard, for reading; the newest with the same `data_hash` is the one to show."""

    __tablename__ = "scorecards"
    id: Mapped[int] = _number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"))
    as_of: Mapped[datetime | None]
    data_hash: Mapped[str]
    document: Mapped[dict[str, Any]]
    computed_at: Mapped[datetime] = _now()
    __table_args__ = (Index("ix_scorecards_pilot_id_computed_at", "pilot_id", "computed_at"),)


class ReportRow(Base):
    """A frozen report: the document model and the hash of what it was made from."""

    __tablename__ = "reports"
    id: Mapped[int] = _number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), index=True)
    made_at: Mapped[datetime] = _now()
    data_hash: Mapped[str]
    document: Mapped[dict[str, Any]]


class SpendRow(Base):
    """Money that the pilot itself spent (judge, replay, control), booked even when the answer was unusable."""

    __tablename__ = "spend"
    id: Mapped[int] = _number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str]
    model: Mapped[str]
    calls: Mapped[int]
    usd: Mapped[Decimal | None]
    at: Mapped[datetime] = _now()


class ImportRow(Base):
    """One import: staged chunk by chunk, then merged in one transaction or not at all.

    `layout` is the digest of the arms and segments that lines are checked against, `lines_read` counts blank lines too.
    """

    __tablename__ = "imports"
    id: Mapped[int] = _number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"))
    file_key: Mapped[str]
    format: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="staging")
    layout: Mapped[str]
    lines_read: Mapped[int] = mapped_column(BigInteger, server_default="0")
    lines_skipped: Mapped[int] = mapped_column(BigInteger, server_default="0")
    lines_staged: Mapped[int] = mapped_column(BigInteger, server_default="0")
    bytes_staged: Mapped[int] = mapped_column(BigInteger, server_default="0")
    problems: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    problem_count: Mapped[int] = mapped_column(server_default="0")
    result: Mapped[dict[str, Any] | None]
    by: Mapped[str]
    created_at: Mapped[datetime] = _now()
    finished_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("state IN ('staging', 'done', 'refused', 'abandoned')", name="state"),
        Index("uq_imports_open", "pilot_id", "file_key", unique=True, postgresql_where=text("state = 'staging'")),
    )


class ReplayRow(Base):
    """A replay: stored exchanges asked of candidates (`arm_id` None = of all of them).

    `progress` holds the counters of each arm; `claimed_until` is the lease of the worker that runs it.
    """

    __tablename__ = "replays"
    id: Mapped[int] = _number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), index=True)
    arm_id: Mapped[int | None] = mapped_column(ForeignKey("arms.id", ondelete="CASCADE"))
    limit_usd: Mapped[Decimal | None]
    limit_seconds: Mapped[float | None]
    limit_exchanges: Mapped[int | None]
    state: Mapped[str] = mapped_column(server_default="queued")
    progress: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    message: Mapped[str] = mapped_column(server_default="")
    by: Mapped[str]
    created_at: Mapped[datetime] = _now()
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    claimed_until: Mapped[datetime | None]
    claimed_by: Mapped[str | None]
    __table_args__ = (CheckConstraint("state IN ('queued', 'running', 'done', 'cancelled', 'failed')", name="state"),)


class ApiKeyRow(Base):
    """A program's key: only its HMAC under the server's pepper is kept."""

    __tablename__ = "api_keys"
    id: Mapped[int] = _number()
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    digest: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime] = _now()
    revoked_at: Mapped[datetime | None]
    __table_args__ = (CheckConstraint("role IN ('viewer', 'labeller', 'operator', 'admin')", name="role"),)


class AuditRow(Base):
    """Who did what, append only."""

    __tablename__ = "audit_log"
    id: Mapped[int] = _number()
    at: Mapped[datetime] = _now()
    actor: Mapped[str]
    action: Mapped[str]
    pilot_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    facts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
