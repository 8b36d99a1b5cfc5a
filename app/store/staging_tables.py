"""Staging of imports: what was taken of a file, until it is merged in one transaction or thrown away.

Unlogged: after a crash of the database they are empty, and the file is sent again. Numbers of exchanges are drawn when a line
is staged, so that the merge copies rows as they are.
"""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Identity, text
from sqlalchemy.orm import Mapped, mapped_column

from app.store.base import Base

UNLOGGED = {"prefixes": ["UNLOGGED"]}


def _given_number() -> Mapped[int]:
    return mapped_column(BigInteger, primary_key=True, autoincrement=False)


def _number() -> Mapped[int]:
    return mapped_column(BigInteger, Identity(), primary_key=True)


class StagedExchangeRow(Base):
    """A good line of an open import; `is_merge` = its exchange is stored already and gets additions."""

    __tablename__ = "staged_exchanges"
    exchange_id: Mapped[int] = _given_number()
    import_id: Mapped[int] = mapped_column(BigInteger)
    line: Mapped[int] = mapped_column(BigInteger)
    is_merge: Mapped[bool] = mapped_column(server_default=text("false"))
    external_id: Mapped[str]
    arrived_at: Mapped[datetime]
    conversation_id: Mapped[str]
    turn: Mapped[int | None]
    segment: Mapped[str]
    inclusion_probability: Mapped[float]
    sample_point: Mapped[float]
    given: Mapped[list[str]]
    content_hash: Mapped[bytes]
    body: Mapped[bytes]
    reference: Mapped[bytes | None]
    __table_args__ = (UNLOGGED,)


class StagedReplyRow(Base):
    """A reply of a staged line; `usage` is JSON text."""

    __tablename__ = "staged_replies"
    exchange_id: Mapped[int] = _given_number()
    arm_id: Mapped[int] = _given_number()
    import_id: Mapped[int] = mapped_column(BigInteger)
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
    usage: Mapped[str | None]
    cost_usd: Mapped[Decimal | None]
    price_version: Mapped[str | None]
    ttft_any_seconds: Mapped[float | None]
    ttft_visible_seconds: Mapped[float | None]
    total_seconds: Mapped[float | None]
    body: Mapped[bytes]
    __table_args__ = (UNLOGGED,)


class StagedGradeRow(Base):
    """A judge's preference of a staged line."""

    __tablename__ = "staged_grades"
    id: Mapped[int] = _number()
    exchange_id: Mapped[int] = mapped_column(BigInteger, index=True)
    import_id: Mapped[int] = mapped_column(BigInteger)
    arm_id: Mapped[int] = mapped_column(BigInteger)
    rater: Mapped[str]
    shown_first: Mapped[str | None]
    value: Mapped[float | None]
    ungraded: Mapped[str | None]
    reason: Mapped[str | None]
    at: Mapped[datetime]
    at_given: Mapped[bool]
    __table_args__ = (UNLOGGED,)


class StagedLabelRow(Base):
    """A person's preference of a staged line."""

    __tablename__ = "staged_labels"
    id: Mapped[int] = _number()
    exchange_id: Mapped[int] = mapped_column(BigInteger, index=True)
    import_id: Mapped[int] = mapped_column(BigInteger)
    arm_id: Mapped[int] = mapped_column(BigInteger)
    rater: Mapped[str]
    value: Mapped[float | None]
    skipped: Mapped[str | None]
    critical: Mapped[bool | None]
    draw_probability: Mapped[float | None]
    at: Mapped[datetime]
    at_given: Mapped[bool]
    __table_args__ = (UNLOGGED,)


STAGING = (StagedExchangeRow, StagedReplyRow, StagedGradeRow, StagedLabelRow)
