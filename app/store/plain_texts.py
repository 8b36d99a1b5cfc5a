"""Texts that earlier versions stored as they are: counted, sealed in turns, and removed where a pilot is shredded."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.store.quoted import sealed_facts
from app.store.reports import SEALED
from app.store.text_format import WORDS_MARK, TextCipher
from app.store.texts import texts_of

_IS_PLAIN = "get_byte(substring(body FROM 1 FOR 1), 0) <> 128"
_PLACE = "arrived_at = :arrived_at AND exchange_id = :exchange_id AND arm_id = :arm_id"

_COUNT = text("""
SELECT t.pilot_id, CASE WHEN get_byte(t.head, 0) = 128 THEN get_byte(t.head, 2) * 256 + get_byte(t.head, 3) END AS number,
    count(*) AS texts
FROM (SELECT pilot_id, substring(body FROM 1 FOR 4) || '\\x00000000' AS head FROM payloads LIMIT :most) AS t
GROUP BY 1, 2
""")


@dataclass(frozen=True, slots=True)
class Counted:
    """How texts are stored.

    Attributes:
        plain: As they are, by pilot.
        sealed: By pilot and number of the data key.
        is_all: Whether all were looked at.
    """

    plain: Counter[int]
    sealed: Counter[tuple[int, int]]
    is_all: bool


def count_texts(session: Session, most: int) -> Counted:
    """How the texts of requests and replies are stored; at most so many are looked at."""
    plain: Counter[int] = Counter()
    sealed: Counter[tuple[int, int]] = Counter()
    for row in session.execute(_COUNT, {"most": most + 1}):
        if row.number is None:
            plain[row.pilot_id] += row.texts
        else:
            sealed[row.pilot_id, row.number] += row.texts
    return Counted(plain, sealed, plain.total() + sealed.total() <= most)


_NEXT = text("SELECT id, pilot_id FROM exchanges WHERE id > :after ORDER BY id LIMIT :most")
_PLAIN_TEXTS = text(f"""
SELECT x.exchange_id, x.arm_id, x.arrived_at, x.pilot_id, x.body FROM exchanges e
JOIN payloads x ON x.exchange_id = e.id AND x.arrived_at = e.arrived_at
WHERE e.id = ANY(:ids) AND {_IS_PLAIN} ORDER BY x.exchange_id, x.arm_id FOR UPDATE OF x
""")  # noqa: S608 - fragments of our own
_PLAIN_REASONS = text("""
SELECT id, pilot_id, reason FROM grades WHERE exchange_id = ANY(:ids) AND reason <> '' AND NOT starts_with(reason, :mark)
ORDER BY id FOR UPDATE
""")
_PLAIN_SCORES = text("""
SELECT exchange_id, arm_id, grader, rater, version, pilot_id, reason, evidence FROM rubric_scores
WHERE exchange_id = ANY(:ids) AND (reason <> '' AND NOT starts_with(reason, :mark)
    OR EXISTS (SELECT FROM unnest(evidence) AS u(said) WHERE said <> '' AND NOT starts_with(said, :mark)))
ORDER BY exchange_id, arm_id, grader, rater, version FOR UPDATE
""")
_PLAIN_EXAMPLES = text("""
SELECT x.report_id, x.position, r.pilot_id, x.document FROM report_examples x JOIN reports r ON r.id = x.report_id
WHERE x.exchange_id = ANY(:ids) AND NOT x.document ? 'sealed' ORDER BY x.report_id, x.position FOR UPDATE OF x
""")
_PLAIN_FINDINGS = text("""
SELECT exchange_id, arm_id, pilot_id, facts FROM pairs
WHERE exchange_id = ANY(:ids) AND facts ?| ARRAY['violations', 'unusable', 'message'] ORDER BY exchange_id, arm_id FOR UPDATE
""")
_SET_FINDINGS = text("""
UPDATE pairs SET facts = CAST(:facts AS jsonb) WHERE exchange_id = :exchange_id AND arm_id = :arm_id
""")
_SET_TEXT = text(f"UPDATE payloads SET body = :body WHERE {_PLACE}")  # noqa: S608 - a fragment of our own
_SET_REASON = text("UPDATE grades SET reason = :reason WHERE id = :id")
_SET_SCORE = text("""
UPDATE rubric_scores SET reason = :reason, evidence = :evidence
WHERE exchange_id = :exchange_id AND arm_id = :arm_id AND grader = :grader AND rater = :rater AND version = :version
""")
_SET_EXAMPLE = text("""
UPDATE report_examples SET document = CAST(:document AS jsonb) WHERE report_id = :report_id AND position = :position
""")


def seal_plain(session: Session, after: int, most: int) -> tuple[int | None, int]:
    """Seals what is plain of the next so many exchanges; the last of them (`None` = there is none) and how many texts."""
    exchanges = session.execute(_NEXT, {"after": after, "most": most}).all()
    if not exchanges:
        return None, 0
    ids, ciphers = [row.id for row in exchanges], _Ciphers(session)
    found = (
        _seal_texts(session, ids, ciphers)
        + _seal_reasons(session, ids, ciphers)
        + _seal_scores(session, ids, ciphers)
        + _seal_examples(session, ids, ciphers)
        + _seal_findings(session, ids, ciphers)
    )
    return ids[-1], found


class _Ciphers:
    """What seals each pilot's texts; `None` = they were shredded: such a text is removed, not sealed."""

    def __init__(self, session: Session) -> None:
        self._texts = texts_of(session)
        self._known: dict[int, TextCipher | None] = {}

    def of(self, pilot_id: int) -> TextCipher | None:
        if pilot_id not in self._known:
            self._known[pilot_id] = self._texts.sealing(pilot_id)
        return self._known[pilot_id]


def _seal_texts(session: Session, ids: Sequence[int], ciphers: _Ciphers) -> int:
    rows = session.execute(_PLAIN_TEXTS, {"ids": ids}).all()
    changed = [
        {"arrived_at": row.arrived_at, "exchange_id": row.exchange_id, "arm_id": row.arm_id, "body": cipher.seal(row.body)}
        for row in rows
        if (cipher := ciphers.of(row.pilot_id)) is not None
    ]
    return _set(session, _SET_TEXT, changed)


def _seal_reasons(session: Session, ids: Sequence[int], ciphers: _Ciphers) -> int:
    rows = session.execute(_PLAIN_REASONS, {"ids": ids, "mark": WORDS_MARK}).all()
    changed = [
        {"id": row.id, "reason": cipher.seal_words(row.reason)}
        for row in rows
        if (cipher := ciphers.of(row.pilot_id)) is not None
    ]
    return _set(session, _SET_REASON, changed)


def _seal_scores(session: Session, ids: Sequence[int], ciphers: _Ciphers) -> int:
    rows = session.execute(_PLAIN_SCORES, {"ids": ids, "mark": WORDS_MARK}).all()
    changed = [
        {name: getattr(row, name) for name in ("exchange_id", "arm_id", "grader", "rater", "version")}
        | {"reason": _words(cipher, row.reason), "evidence": [_words(cipher, each) for each in row.evidence]}
        for row in rows
        if (cipher := ciphers.of(row.pilot_id)) is not None
    ]
    return _set(session, _SET_SCORE, changed)


def _seal_examples(session: Session, ids: Sequence[int], ciphers: _Ciphers) -> int:
    rows = session.execute(_PLAIN_EXAMPLES, {"ids": ids}).all()
    changed = [
        {"report_id": row.report_id, "position": row.position, "document": _document(cipher, row.document)}
        for row in rows
        if (cipher := ciphers.of(row.pilot_id)) is not None
    ]
    return _set(session, _SET_EXAMPLE, changed)


def _seal_findings(session: Session, ids: Sequence[int], ciphers: _Ciphers) -> int:
    rows = session.execute(_PLAIN_FINDINGS, {"ids": ids}).all()
    changed = [
        {"exchange_id": row.exchange_id, "arm_id": row.arm_id, "facts": orjson.dumps(facts).decode()}
        for row in rows
        if (facts := sealed_facts(ciphers.of(row.pilot_id), row.facts)) != row.facts
    ]
    return _set(session, _SET_FINDINGS, changed)


def _words(cipher: TextCipher, said: str) -> str:
    return cipher.seal_words(said) if said and not said.startswith(WORDS_MARK) else said


def _document(cipher: TextCipher, document: Any) -> str:
    return orjson.dumps({SEALED: cipher.seal_words(orjson.dumps(document).decode())}).decode()


def _set(session: Session, statement: Any, changed: Sequence[dict[str, Any]]) -> int:
    if changed:
        session.execute(statement, changed)
    return len(changed)
