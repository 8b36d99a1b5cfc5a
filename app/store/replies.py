"""Replies of arms: narrow facts as columns, their text in `payloads`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.costs.arm_prices import PriceBook, ReplyCost
from app.domain.exchange import Failure, Reply, Usage
from app.domain.payload import reply_body
from app.domain.pilot import Pilot
from app.domain.replay import NewReply
from app.store.model_sightings import note_fingerprints
from app.store.pairs import touch_pairs
from app.store.payloads import ensure_partitions
from app.store.tables import ExchangeRow, PayloadRow, ReplyRow
from app.store.text_removal import erased_among, forget_late
from app.store.texts import texts_of

_COUNTS = (
    "input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens", "cache_write_tokens", "audio_input_tokens",
    "audio_output_tokens",
)  # fmt: skip
ReplyKey = tuple[int, int]


def record_replies(session: Session, pilot: Pilot, rows: Sequence[NewReply]) -> frozenset[ReplyKey]:
    """Stores replies that are not there yet, with their texts, and has their pairs looked at.

    A reply that is there stays as it is.

    Returns:
        The (exchange id, arm id) of the replies that were stored now; the others were there.
    """
    if not rows:
        return frozenset()
    ids = sorted({row.exchange_id for row in rows})
    found = session.execute(select(ExchangeRow.id, ExchangeRow.arrived_at).where(ExchangeRow.id.in_(ids)))
    arrivals = {row.id: row.arrived_at for row in found}
    ordered = sorted(rows, key=lambda row: (row.exchange_id, row.arm_id))  # one order for all: no deadlocks
    costs = _Costs(pilot, arrivals)
    inserting = (
        insert(ReplyRow)
        .values([_columns(pilot, row, *costs.of(row)) for row in ordered])
        .on_conflict_do_nothing(index_elements=["exchange_id", "arm_id"])
        .returning(ReplyRow.exchange_id, ReplyRow.arm_id)
    )
    stored = frozenset((row.exchange_id, row.arm_id) for row in session.execute(inserting))
    fresh = [row for row in ordered if (row.exchange_id, row.arm_id) in stored]
    if fresh:
        _record_payloads(session, pilot, fresh, arrivals)
        said = [(row.arm_id, row.fingerprint, arrivals[row.exchange_id]) for row in fresh if row.fingerprint]
        note_fingerprints(session, pilot.id, said)
        touch_pairs(session, sorted({row.exchange_id for row in fresh}))
    return stored


def _record_payloads(session: Session, pilot: Pilot, rows: Sequence[NewReply], arrivals: dict[int, datetime]) -> None:
    gone = erased_among(session, arrivals)
    forget_late(session, gone)
    rows = [row for row in rows if row.exchange_id not in gone]
    if not rows:
        return
    ensure_partitions(session, {arrivals[row.exchange_id] for row in rows})
    cipher = texts_of(session).sealing(pilot.id)
    if cipher is None:  # the pilot's texts were shredded while it was asked
        return
    values = [
        {
            "arrived_at": arrivals[row.exchange_id],
            "exchange_id": row.exchange_id,
            "arm_id": row.arm_id,
            "pilot_id": pilot.id,
            "body": cipher.seal(orjson.dumps(reply_body(row.reply))),
        }
        for row in rows
    ]
    statement = insert(PayloadRow).values(values)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["arrived_at", "exchange_id", "arm_id"], set_={"body": statement.excluded.body}
        )
    )


class _Costs:
    """What the replies of one pilot cost by the prices of the day on which their exchanges arrived."""

    def __init__(self, pilot: Pilot, arrivals: dict[int, datetime]) -> None:
        self._book = PriceBook(pilot.configuration)
        self._names = {arm.id: arm.name for arm in pilot.arms}
        self._arrivals = arrivals

    def of(self, row: NewReply) -> tuple[Usage, ReplyCost]:
        """The counts of a reply, or of a failure that was billed, and their price."""
        said = row.reply.usage if isinstance(row.reply, Reply) else Usage()
        usage = said if row.usage == Usage() else row.usage
        return usage, self._book.cost(self._names.get(row.arm_id, ""), usage, row.model, self._arrivals[row.exchange_id])


def _columns(pilot: Pilot, row: NewReply, usage: Usage, cost: ReplyCost) -> dict[str, Any]:
    timing = row.reply.timing
    return {
        "exchange_id": row.exchange_id,
        "arm_id": row.arm_id,
        "pilot_id": pilot.id,
        "source": row.source.value,
        "model": row.model,
        "ttft_any_seconds": timing.ttft_any_seconds,
        "ttft_visible_seconds": timing.ttft_visible_seconds,
        "total_seconds": timing.total_seconds,
        "lag_seconds": row.lag_seconds,
        "adaptation": list(row.adaptation),
        **{name: getattr(usage, name) for name in _COUNTS},
        "service_tier": usage.service_tier,
        "usage": usage.raw,
        "cost_usd": cost.usd,
        "price_version": cost.price_version,
        **_outcome(row),
    }


def _outcome(row: NewReply) -> dict[str, Any]:
    """Every row has the same keys: they are inserted by one statement."""
    reply = row.reply
    if isinstance(reply, Failure):
        answered: dict[str, Any] = {"finish_reason": None, "content_chars": None}
        failed: dict[str, Any] = {"failure": reply.kind.value, "status": reply.status, "caused_by_adaptation": reply.adaptation}
    else:
        answered = {"finish_reason": reply.finish_reason, "content_chars": len(reply.content or "")}
        failed = {"failure": None, "status": None, "caused_by_adaptation": False}
    return answered | failed
