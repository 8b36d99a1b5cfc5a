"""What belongs to a conversation or a user, and how it loses its name."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
from sqlalchemy import CursorResult, text
from sqlalchemy.orm import Session

from app.domain.exchange import Json
from app.store.payloads import REQUEST_ARM
from app.store.texts import texts_of

READ_AT_ONCE = 2000

_OF_CONVERSATIONS = text("SELECT id FROM exchanges WHERE pilot_id = :pilot AND conversation_id = ANY(CAST(:names AS text[]))")
_OF_USER = text("SELECT id FROM exchanges WHERE pilot_id = :pilot AND user_hash = :user")
# An import stores who asked in the text alone.
_IMPORTED = text("""
SELECT e.id, p.body FROM exchanges e JOIN payloads p
    ON p.exchange_id = e.id AND p.arrived_at = e.arrived_at AND p.arm_id = :request
WHERE e.pilot_id = :pilot AND e.source = 'imported' AND e.text_erased_at IS NULL AND e.id > :after
    AND (CAST(:only AS bigint[]) IS NULL OR e.id = ANY(CAST(:only AS bigint[])))
ORDER BY e.id LIMIT :most
""")
_STAGED = text("""
SELECT s.exchange_id, s.import_id, s.conversation_id, s.body FROM staged_exchanges s JOIN imports i ON i.id = s.import_id
WHERE i.pilot_id = :pilot AND i.state = 'staging' AND s.exchange_id > :after
    AND (CAST(:names AS text[]) IS NULL OR s.conversation_id = ANY(CAST(:names AS text[])))
ORDER BY s.exchange_id LIMIT :most
""")
_HOLD_IMPORTS = text("SELECT id FROM imports WHERE id = ANY(:ids) AND state = 'staging' ORDER BY id FOR UPDATE")
_FEWER = text("UPDATE imports SET lines_staged = lines_staged - :lines WHERE id = :id")
# What is wrong with a line may quote it, and nobody knows whose line it was.
_PROBLEMS = text("""
UPDATE imports SET problems = (
    SELECT coalesce(jsonb_agg(p || '{"message": "(its text was removed)"}'::jsonb), '[]'::jsonb)
    FROM jsonb_array_elements(problems) AS p)
WHERE pilot_id = :pilot AND state <> 'staging' AND problems <> '[]'::jsonb
    AND problems::text LIKE '%"message"%' AND (CAST(:before AS timestamptz) IS NULL OR finished_at < :before)
    AND EXISTS (SELECT FROM jsonb_array_elements(problems) AS p WHERE p ->> 'message' <> '(its text was removed)')
""")
# The log keeps what a label was before it was changed, with what the person wrote.
_REMARKS = text("""
UPDATE audit_log a SET facts = a.facts - 'reason' - 'skipped' FROM exchanges e
WHERE a.pilot_id = :pilot AND a.action LIKE 'label.%' AND a.facts ?| ARRAY['reason', 'skipped']
    AND e.pilot_id = a.pilot_id AND e.external_id = a.facts ->> 'exchange_id' AND e.text_erased_at IS NOT NULL
""")
_SEEN = text("""
SELECT count(*) AS exchanges, count(*) FILTER (WHERE e.text_erased_at IS NULL) AS with_text,
    min(e.arrived_at) AS first_at, max(e.arrived_at) AS last_at
FROM exchanges e WHERE e.id = ANY(:ids)
""")
_TEXTS = text("SELECT count(*) FROM payloads WHERE exchange_id = ANY(:ids)")
_BUNDLES = text("""
SELECT count(DISTINCT f.report_id) FROM report_files f JOIN reports r ON r.id = f.report_id WHERE r.pilot_id = :pilot
""")
_NAMES = text("""
SELECT conversation_id AS name, min(sample_point) AS point, array_agg(DISTINCT segment) AS segments,
    array_agg(DISTINCT sampling_rate) FILTER (WHERE sampling_rate IS NOT NULL) AS rates
FROM exchanges WHERE pilot_id = :pilot AND conversation_id IN (
    SELECT conversation_id FROM exchanges WHERE id = ANY(:ids)
) GROUP BY conversation_id ORDER BY conversation_id
""")
_RENAME = text("""
UPDATE exchanges e SET conversation_id = r.new, sample_point = r.point
FROM unnest(CAST(:old AS text[]), CAST(:new AS text[]), CAST(:points AS float8[])) AS r(old, new, point)
WHERE e.pilot_id = :pilot AND e.conversation_id = r.old AND (NOT :is_erased OR e.text_erased_at IS NOT NULL)
""")
_FORGET_USERS_OF = text("""
UPDATE exchanges SET facts = facts - 'user_hash',
    user_hash = left(encode(sha256(convert_to(:salt || user_hash, 'UTF8')), 'hex'), 32)
WHERE id = ANY(:ids) AND user_hash IS NOT NULL
""")
_FORGET_DIGESTS = text("""
UPDATE replies SET checks = checks - 'text_digest' - 'tools_digest' - 'label_digest' - 'calls'
WHERE exchange_id = ANY(:ids) AND checks ?| ARRAY['text_digest', 'tools_digest', 'label_digest', 'calls']
""")
_SHARES = text("SELECT DISTINCT segment, share FROM judge_shares WHERE pilot_id = :pilot AND share < 1 ORDER BY 1, 2")
_LATE = text(
    """
SELECT DISTINCT {column} FROM exchanges
WHERE pilot_id = :pilot AND arrived_at BETWEEN :since AND :until AND recorded_at > :until - interval '1 minute'
    AND text_erased_at IS NULL AND {column} IS NOT NULL
""".replace("{column}", "conversation_id")
)
_LATE_USERS = text(str(_LATE).replace("conversation_id", "user_hash"))
_OF_IMPORT = text("""
SELECT e.id, e.conversation_id, e.arrived_at FROM staged_exchanges s JOIN exchanges e ON e.id = s.exchange_id
WHERE s.import_id = :import_id AND e.text_erased_at IS NULL
""")
_ARRIVED = text("SELECT id FROM exchanges WHERE id = ANY(:ids) AND arrived_at <= :until ORDER BY id")
_LATELY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """How much is held of some exchanges; `bundles`: data bundles of the pilot's reports, which name conversations."""

    exchanges: int = 0
    with_text: int = 0
    texts: int = 0
    bundles: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """A conversation as it is named now, and on what its name decides.

    Attributes:
        point: Its sample point.
        segments: Of its exchanges.
        rates: Sampling rates that held for them.
    """

    name: str
    point: float
    segments: tuple[str, ...]
    rates: tuple[float, ...]


class Renamed(NamedTuple):
    """Another name for a conversation, and another sample point."""

    old: str
    new: str
    point: float


def exchanges_of_conversations(session: Session, pilot_id: int, names: Collection[str]) -> list[int]:
    """Numbers of the exchanges of conversations."""
    return list(session.scalars(_OF_CONVERSATIONS, {"pilot": pilot_id, "names": sorted(names)}))


def exchanges_of_user(session: Session, pilot_id: int, user_hash: str) -> list[int]:
    """Numbers of the live exchanges of a user."""
    return list(session.scalars(_OF_USER, {"pilot": pilot_id, "user": user_hash}))


def imported_requests(session: Session, pilot_id: int, *, only: Collection[int] | None = None) -> Iterator[tuple[int, Json]]:
    """The stored requests of imported exchanges; one that cannot be read any more is left out."""
    after, texts = 0, texts_of(session)
    wanted = sorted(only) if only is not None else None
    while True:
        parameters = {"pilot": pilot_id, "request": REQUEST_ARM, "after": after, "only": wanted, "most": READ_AT_ONCE}
        rows = session.execute(_IMPORTED, parameters).all()
        for row in rows:
            body = texts.open(pilot_id, row.body)
            if body is not None:
                yield row.id, orjson.loads(body)
        if len(rows) < READ_AT_ONCE:
            return
        after = rows[-1].id


def staged_lines(session: Session, pilot_id: int, names: Collection[str] | None) -> Iterator[tuple[int, int, Json | None]]:
    """Lines of open imports, of some conversations or all: number, import, and (where no names are given) the request."""
    after, texts = 0, texts_of(session)
    wanted = sorted(names) if names is not None else None
    while True:
        parameters = {"pilot": pilot_id, "after": after, "names": wanted, "most": READ_AT_ONCE}
        rows = session.execute(_STAGED, parameters).all()
        for row in rows:
            body = texts.open(pilot_id, row.body) if names is None else None
            yield row.exchange_id, row.import_id, None if body is None else orjson.loads(body)
        if len(rows) < READ_AT_ONCE:
            return
        after = rows[-1].exchange_id


def hold_imports(session: Session, import_ids: Collection[int]) -> set[int]:
    """Those of the imports that are open; they take no line until the transaction ends."""
    return set(session.scalars(_HOLD_IMPORTS, {"ids": sorted(import_ids)}))


def take_back_lines(session: Session, removed: Mapping[int, int]) -> None:
    """Imports have so many staged lines fewer, by their numbers."""
    for number, lines in sorted(removed.items()):
        session.execute(_FEWER, {"id": number, "lines": lines})


def blank_problems(session: Session, pilot_id: int, *, before: datetime | None = None) -> int:
    """Takes what imports that are over (since before a moment) said of wrong lines, which may quote them."""
    return _changed(session, _PROBLEMS, {"pilot": pilot_id, "before": before})


def blank_remarks(session: Session, pilot_id: int) -> int:
    """Takes people's remarks on pairs without a text out of the audit log."""
    return _changed(session, _REMARKS, {"pilot": pilot_id})


def seen(session: Session, pilot_id: int, exchange_ids: Sequence[int]) -> Seen:
    """How much is held of these exchanges."""
    row = session.execute(_SEEN, {"ids": list(exchange_ids)}).one()
    texts = session.scalar(_TEXTS, {"ids": list(exchange_ids)}) or 0
    bundles = session.scalar(_BUNDLES, {"pilot": pilot_id}) or 0
    return Seen(row.exchanges, row.with_text, texts, bundles, row.first_at, row.last_at)


def names_of(session: Session, pilot_id: int, exchange_ids: Collection[int]) -> list[Named]:
    """The conversations that these exchanges are part of."""
    rows = session.execute(_NAMES, {"pilot": pilot_id, "ids": sorted(exchange_ids)})
    return [Named(row.name, row.point, tuple(row.segments), tuple(row.rates or ())) for row in rows]


def judge_shares_of(session: Session, pilot_id: int) -> dict[str, list[float]]:
    """Shares of conversations that a judge looked at where it was not all, by segment, whatever the week."""
    found: dict[str, list[float]] = {}
    for row in session.execute(_SHARES, {"pilot": pilot_id}):
        found.setdefault(row.segment, []).append(row.share)
    return found


def rename_conversations(session: Session, pilot_id: int, renamed: Sequence[Renamed], *, is_erased: bool) -> None:
    """Gives conversations other names and sample points: all of their exchanges at once, or those without a text."""
    columns = {name: [getattr(each, name) for each in renamed] for name in ("old", "new")}
    parameters = {"pilot": pilot_id, "points": [each.point for each in renamed], "is_erased": is_erased}
    session.execute(_RENAME, parameters | columns)


def forget_users_of(session: Session, exchange_ids: Collection[int], salt: str) -> int:
    """Other names for whoever asked in these exchanges; nobody keeps the salt."""
    return _changed(session, _FORGET_USERS_OF, {"ids": sorted(exchange_ids), "salt": salt})


def forget_digests(session: Session, exchange_ids: Collection[int]) -> int:
    """Keyed digests of replies go, too: nobody can try texts out, not even with the key."""
    return _changed(session, _FORGET_DIGESTS, {"ids": sorted(exchange_ids)})


def arrived_by(session: Session, exchange_ids: Collection[int], until: datetime) -> list[int]:
    """Those that arrived until a moment."""
    return list(session.scalars(_ARRIVED, {"ids": sorted(exchange_ids), "until": until})) if exchange_ids else []


def late_names(session: Session, pilot_id: int, until: datetime) -> tuple[list[str], list[str]]:
    """Conversations and users of exchanges that arrived shortly before a moment and were recorded after it."""
    parameters = {"pilot": pilot_id, "since": until - _LATELY, "until": until}
    return list(session.scalars(_LATE, parameters)), list(session.scalars(_LATE_USERS, parameters))


def exchanges_of_import(session: Session, import_id: int) -> list[tuple[int, str, datetime]]:
    """What an import has just stored: number, conversation and arrival."""
    return [(row.id, row.conversation_id, row.arrived_at) for row in session.execute(_OF_IMPORT, {"import_id": import_id})]


def _changed(session: Session, statement: Any, parameters: dict[str, Any]) -> int:
    result = session.execute(statement, parameters)
    assert isinstance(result, CursorResult)  # noqa: S101 - tells the type checker
    return result.rowcount
