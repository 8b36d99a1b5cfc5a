"""Labels by people: one a pair and rater; what is replaced or taken back is told to the caller, who writes it down."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import BigInteger, any_, delete, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from app.domain.grading import PairKey
from app.domain.labelling import Label, LabelSource, StoredAnswer
from app.store.payloads import REQUEST_ARM
from app.store.tables import ExchangeRow, LabelRow

_FIELDS = (
    "rater", "value", "at", "skipped", "critical", "incumbent_critical", "reason", "draw_probability", "at_given",
    "shown_first",
)  # fmt: skip
_CORRECTED = (*_FIELDS, "source")
_AT_ONCE = 1000


def hold_labels(session: Session, pilot_id: int) -> None:
    """One writer of a pilot's labels at a time: what was there before is read and replaced in one step."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtext('parallel-pilot-labels'), :pilot)"), {"pilot": pilot_id % 2**31}
    )


def list_answers(session: Session, pilot_id: int) -> list[StoredAnswer]:
    """Who answered what, oldest first."""
    columns = (LabelRow.rater, LabelRow.value, LabelRow.draw_probability, LabelRow.source, LabelRow.at)
    query = select(LabelRow.exchange_id, LabelRow.arm_id, *columns).where(LabelRow.pilot_id == pilot_id)
    rows = session.execute(query.order_by(LabelRow.at, LabelRow.id)).all()
    return [
        StoredAnswer(PairKey(exchange, arm), rater, value, draw, LabelSource(source), at)
        for exchange, arm, rater, value, draw, source, at in rows
    ]


def list_labels(session: Session, pilot_id: int) -> list[tuple[str, Label]]:
    """All labels with the exchange's own id, by id, arm and rater."""
    query = select(ExchangeRow.external_id, LabelRow).join(ExchangeRow, ExchangeRow.id == LabelRow.exchange_id)
    query = query.where(LabelRow.pilot_id == pilot_id)
    found = [(external_id, _label(row)) for external_id, row in session.execute(query)]
    return sorted(found, key=lambda one: (one[0], one[1].key.arm_id, one[1].rater))


def labels_of(session: Session, keys: Iterable[tuple[PairKey, str]]) -> dict[tuple[PairKey, str], Label]:
    """The stored labels of some pairs and raters."""
    wanted = set(keys)
    exchanges = list({key.exchange_id for key, _ in wanted})
    query = select(LabelRow).where(LabelRow.exchange_id == any_(literal(exchanges, ARRAY(BigInteger))))
    found = [_label(row) for row in session.scalars(query.execution_options(populate_existing=True))] if exchanges else []
    return {(label.key, label.rater): label for label in found if (label.key, label.rater) in wanted}


def put_labels(session: Session, pilot_id: int, labels: Sequence[Label]) -> None:
    """Stores labels; one of the same pair and rater is replaced."""
    ordered = sorted(labels, key=lambda label: (label.key, label.rater))  # one order for all: no deadlocks
    for start in range(0, len(ordered), _AT_ONCE):
        rows = [
            {name: getattr(label, name) for name in _FIELDS}
            | {"source": label.source.value, "pilot_id": pilot_id}
            | {"exchange_id": label.key.exchange_id, "arm_id": label.key.arm_id}
            for label in ordered[start : start + _AT_ONCE]
        ]
        statement = upsert(LabelRow).values(rows)
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["exchange_id", "arm_id", "rater"],
                set_={name: getattr(statement.excluded, name) for name in _CORRECTED},
            )
        )


def remove_label(session: Session, key: PairKey, rater: str) -> None:
    """Forgets a label."""
    session.execute(
        delete(LabelRow).where(
            LabelRow.exchange_id == key.exchange_id, LabelRow.arm_id == key.arm_id, LabelRow.rater == rater
        )
    )  # fmt: skip


def newest_label(session: Session, pilot_id: int, rater: str, source: LabelSource) -> Label | None:
    """The last label of a rater from a source."""
    query = select(LabelRow).where(LabelRow.pilot_id == pilot_id, LabelRow.rater == rater, LabelRow.source == source.value)
    row = session.scalar(query.order_by(LabelRow.at.desc(), LabelRow.id.desc()).limit(1))
    return _label(row) if row is not None else None


def exchange_places(session: Session, pilot_id: int, external_ids: Iterable[str]) -> dict[str, tuple[int, datetime]]:
    """The store's number and the time of arrival of each id that the pilot has."""
    query = text("SELECT external_id, id, arrived_at FROM exchanges WHERE pilot_id = :pilot AND external_id = ANY(:ids)")
    rows = session.execute(query, {"pilot": pilot_id, "ids": list(set(external_ids))})
    return {row.external_id: (row.id, row.arrived_at) for row in rows}


def external_id_of(session: Session, number: int) -> str | None:
    """The exchange's own id."""
    return session.scalar(select(ExchangeRow.external_id).where(ExchangeRow.id == number))


def pairs_with_text(session: Session, keys: Sequence[PairKey], incumbent_arm: int) -> set[PairKey]:
    """Those of the pairs whose request and both replies are kept as texts."""
    query = text("SELECT exchange_id, arm_id FROM payloads WHERE exchange_id = ANY(:ids)")
    found = session.execute(query, {"ids": list({key.exchange_id for key in keys})}) if keys else ()
    kept = {PairKey(*row) for row in found}
    return {
        key
        for key in keys
        if {key, PairKey(key.exchange_id, incumbent_arm), PairKey(key.exchange_id, REQUEST_ARM)} <= kept
    }  # fmt: skip


def pairs_there(session: Session, keys: Iterable[PairKey]) -> set[PairKey]:
    """Those of the pairs that there are: the exchange has the arm's reply."""
    wanted = set(keys)
    query = text("SELECT exchange_id, arm_id FROM replies WHERE exchange_id = ANY(:ids)")
    rows = session.execute(query, {"ids": list({key.exchange_id for key in wanted})}) if wanted else ()
    return wanted & {PairKey(*row) for row in rows}


def conversations_of(session: Session, exchange_ids: Iterable[int]) -> dict[int, str]:
    """The conversation of each of these exchanges."""
    query = text("SELECT id, conversation_id FROM exchanges WHERE id = ANY(:ids)")
    return {row.id: row.conversation_id for row in session.execute(query, {"ids": list(set(exchange_ids))})}


def newest_action(session: Session, pilot_id: int) -> int:
    """The number of the last entry of the pilot's audit log that is not about labels: another one means another state."""
    query = text("SELECT coalesce(max(id), 0) FROM audit_log WHERE pilot_id = :pilot AND action NOT LIKE 'label.%'")
    return session.scalar(query, {"pilot": pilot_id}) or 0


def _label(row: LabelRow) -> Label:
    return Label(
        key=PairKey(row.exchange_id, row.arm_id),
        source=LabelSource(row.source),
        **{name: getattr(row, name) for name in _FIELDS},
    )
