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
    Index,
    Numeric,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.store.base import Base, now, number


class PilotRow(Base):
    """A pilot; `configuration` is what counts now, `registrations` what was hashed at the start."""

    __tablename__ = "pilots"
    id: Mapped[int] = number()
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
    created_at: Mapped[datetime] = now()
    started_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]
    shredded_at: Mapped[datetime | None]
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
    registered_at: Mapped[datetime] = now()


class ConfigurationChangeRow(Base):
    """A change of the configuration after the registration; listed in scorecard and report."""

    __tablename__ = "configuration_changes"
    id: Mapped[int] = number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = now()
    by: Mapped[str]
    path: Mapped[str]
    before: Mapped[Any | None] = mapped_column(JSONB)
    after: Mapped[Any | None] = mapped_column(JSONB)


class ArmRow(Base):
    """One model in a pilot."""

    __tablename__ = "arms"
    id: Mapped[int] = number()
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
    The rest is about live ones: `awaits` are arms, `deadline_at` and `open_until` the latest and the earliest end of waiting,
    `decided_by` the attempt of the client's SDK whose reply counts (None = its only one), `sampling_rate` the one that held.
    """

    __tablename__ = "exchanges"
    id: Mapped[int] = number()
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
    recorded_at: Mapped[datetime] = now()
    closed_at: Mapped[datetime | None]
    awaits: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    deadline_at: Mapped[datetime | None]
    open_until: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    sampling_rate: Mapped[float | None]
    user_hash: Mapped[str | None]
    text_erased_at: Mapped[datetime | None]
    facts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    __table_args__ = (
        UniqueConstraint("pilot_id", "external_id"),
        Index("ix_exchanges_open", "pilot_id", "deadline_at", postgresql_where=text("closed_at IS NULL")),
        Index("ix_exchanges_pilot_id_arrived_at", "pilot_id", "arrived_at"),
        Index("ix_exchanges_pilot_id_conversation_id", "pilot_id", "conversation_id"),
        CheckConstraint("inclusion_probability > 0 AND inclusion_probability <= 1", name="inclusion_probability"),
    )


class PayloadRow(Base):
    """The text of an exchange's request (`arm_id` 0), its reference answer (-1) or of an arm's reply: JSON bytes."""

    __tablename__ = "payloads"
    exchange_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    arm_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    arrived_at: Mapped[datetime] = mapped_column(primary_key=True)
    pilot_id: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[bytes]
    __table_args__ = ({"postgresql_partition_by": "RANGE (arrived_at)"},)


class ReplyRow(Base):
    """One arm's reply or failure, narrow; `failure` None = it answered.

    `usage` is the server's own object, numbers alone; `cost_usd` and `price_version` are by the prices of when it was stored.
    """

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
    cache_write_tokens: Mapped[int | None]
    audio_input_tokens: Mapped[int | None]
    audio_output_tokens: Mapped[int | None]
    service_tier: Mapped[str | None]
    usage: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    cost_usd: Mapped[Decimal | None]
    price_version: Mapped[str | None]
    ttft_any_seconds: Mapped[float | None]
    ttft_visible_seconds: Mapped[float | None]
    total_seconds: Mapped[float | None]
    lag_seconds: Mapped[float | None]
    queue_lag_seconds: Mapped[float | None]
    checks: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    adaptation: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    caused_by_adaptation: Mapped[bool] = mapped_column(server_default=text("false"))
    recorded_at: Mapped[datetime] = now()
    __table_args__ = (Index("ix_replies_pilot_id_arm_id", "pilot_id", "arm_id"),)


class PairRow(Base):
    """An exchange with the incumbent's reply and another arm's, and how far its grading is.

    `rule` and `preference` are what steps 1 to 3 decided; for rule `grader` the preference is the mean of the grades.
    `ungraded` says why a settled pair has no preference. `claimed_until` is a worker's lease.
    For finding pairs, never for figures: `final_preference` is what counts of a settled pair, the grades' mean included, and
    `length_difference` how many characters the arm's reply is longer than the incumbent's. `is_again`: it was settled before
    and is to be judged anew, which may wait for pairs that never were.
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
    final_preference: Mapped[float | None]
    length_difference: Mapped[int | None]
    is_again: Mapped[bool] = mapped_column(server_default=text("false"))
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'settled')", name="state"),
        Index(
            "ix_pairs_final_preference",
            "pilot_id",
            "final_preference",
            "exchange_id",
            "arm_id",
            postgresql_where=text("state = 'settled' AND final_preference IS NOT NULL"),
        ),
        Index(
            "ix_pairs_length_difference",
            "pilot_id",
            "length_difference",
            "exchange_id",
            "arm_id",
            postgresql_where=text("length_difference IS NOT NULL"),
        ),
        Index("ix_pairs_pilot_id_arm_id", "pilot_id", "arm_id"),
        Index("ix_pairs_pending", "pilot_id", "exchange_id", postgresql_where=text("state = 'pending'")),
    )


class GradeRow(Base):
    """A grader's result for a pair in one order, or why there is none.

    `at` is event time (what `--as-of` cuts), `graded_at` wall time. `value` is the preference for the arm in [0, 1].
    """

    __tablename__ = "grades"
    id: Mapped[int] = number()
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
    graded_at: Mapped[datetime] = now()
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
        Index("ix_grades_cut", "pilot_id", "version", postgresql_where=text("facts ? 'cut_chars'")),
    )


class LabelRow(Base):
    """A person's blind preference; `value` None = skipped.

    `critical` marks the arm's reply as one that must never happen, `incumbent_critical` the incumbent's. `reason` says more
    of the value (`both_bad`); `shown_first` is known of labels that were made blind with us.
    """

    __tablename__ = "labels"
    id: Mapped[int] = number()
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
    reason: Mapped[str | None]
    incumbent_critical: Mapped[bool | None]
    shown_first: Mapped[str | None]
    __table_args__ = (
        UniqueConstraint("exchange_id", "arm_id", "rater"),
        CheckConstraint("value BETWEEN 0 AND 1", name="value"),
        CheckConstraint("draw_probability > 0 AND draw_probability <= 1", name="draw_probability"),
        Index("ix_labels_pilot_id", "pilot_id", "arm_id"),
    )


class HoursRow(Base):
    """Engineering hours; a correction supersedes and a removal marks, so that history stays.

    `source` and `external_id` are the tracker's of an imported entry; `reason` why it was corrected or removed.
    """

    __tablename__ = "hours"
    id: Mapped[int] = number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), index=True)
    who: Mapped[str]
    worked_on: Mapped[date]
    hours: Mapped[Decimal] = mapped_column(Numeric(8, 2))
    kind: Mapped[str]
    is_recurring: Mapped[bool]
    note: Mapped[str] = mapped_column(server_default="")
    logged_by: Mapped[str]
    logged_at: Mapped[datetime] = now()
    superseded_by: Mapped[int | None] = mapped_column(ForeignKey("hours.id"))
    source: Mapped[str] = mapped_column(server_default="")
    external_id: Mapped[str] = mapped_column(server_default="")
    removed_at: Mapped[datetime | None]
    removed_by: Mapped[str | None]
    reason: Mapped[str] = mapped_column(server_default="")
    __table_args__ = (CheckConstraint("hours > 0", name="hours"),)


class ClosedDayRow(Base):
    """A closed day of a pilot; `times_closed` above 1 = it was reopened by an import, replay, grade or label."""

    __tablename__ = "closed_days"
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    closed_at: Mapped[datetime] = now()
    times_closed: Mapped[int] = mapped_column(server_default="1")
    content_hash: Mapped[str]


class DailySumRow(Base):
    """Sums over the conversations of one closed day: all that the sequential rules need. `epoch` counts from 0."""

    __tablename__ = "daily_sums"
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), primary_key=True)
    arm_id: Mapped[int] = mapped_column(ForeignKey("arms.id", ondelete="CASCADE"), primary_key=True)
    segment: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    series: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    n: Mapped[int]
    sum_w: Mapped[float]
    sum_w2: Mapped[float]
    sum_wx: Mapped[float]
    sum_w2x: Mapped[float]
    sum_w2x2: Mapped[float]
    sum_wx2: Mapped[float]


class ScorecardRow(Base):
    """A computed scorecard, for reading.

    `content` is the document with its order; `inputs_hash` is of what it rests on beside the evidence, None = never reused.
    """

    __tablename__ = "scorecards"
    id: Mapped[int] = number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"))
    as_of: Mapped[datetime | None]
    data_hash: Mapped[str]
    document: Mapped[dict[str, Any]]
    content: Mapped[str | None]
    inputs_hash: Mapped[str | None]
    computed_at: Mapped[datetime] = now()
    __table_args__ = (Index("ix_scorecards_pilot_id_computed_at", "pilot_id", "computed_at"),)
