"""Takes the texts of exchanges out of every table that has some; numbers, outcomes and times stay (docs/erasure.md)."""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from secrets import token_hex
from typing import Any

from sqlalchemy import CursorResult, text
from sqlalchemy.orm import Session

from app.errors import TextKeyMissing
from app.providers.usage import plain_usage
from app.store.reports import read_example

# Below the time after which PostgreSQL looks for deadlocks: whoever records or grades goes first, the removal tries again.
LOCK_MILLISECONDS = 200
# A label in so many conversations is a name of a class, one in fewer may be a sentence of somebody.
LEAST_CONVERSATIONS = 3

_WAIT_SHORTLY = text(f"SET LOCAL lock_timeout = '{LOCK_MILLISECONDS}ms'")
# Whoever stores a text of these exchanges has their keys locked by its foreign key, and looks at `text_erased_at` afterwards.
_HOLD = text("SELECT id, external_id, arrived_at FROM exchanges WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")
_HOLD_PAIRS = text("SELECT FROM pairs WHERE exchange_id = ANY(:ids) ORDER BY exchange_id, arm_id FOR UPDATE")
_MARK = text("""
UPDATE exchanges SET text_erased_at = :at, facts = facts - 'body_hash' WHERE id = ANY(:ids) AND text_erased_at IS NULL
""")
_PAYLOADS = text("""
DELETE FROM payloads WHERE exchange_id = ANY(:ids) AND arrived_at BETWEEN :first AND :last
""")
_WAITING = text("""
DELETE FROM waiting_replies WHERE pilot_id = :pilot AND external_id IN (
    SELECT unnest(CAST(:external_ids AS text[]))
    UNION ALL SELECT external_id FROM attempts WHERE pilot_id = :pilot AND first_id = ANY(CAST(:external_ids AS text[]))
)
""")
_EXAMPLES = text("""
SELECT x.report_id, x.position, x.document FROM report_examples x JOIN reports r ON r.id = x.report_id
WHERE x.exchange_id = ANY(:ids) AND r.pilot_id = :pilot AND x.document ->> 'removed_at' IS NULL
ORDER BY x.report_id, x.position FOR UPDATE OF x
""")
_WITHHOLD = text("""
UPDATE report_examples SET document = CAST(:document AS jsonb) WHERE report_id = :report_id AND position = :position
""")
_DROP_EXAMPLE = text("DELETE FROM report_examples WHERE report_id = :report_id AND position = :position")
_EVIDENCE = text("""
UPDATE rubric_scores SET reason = '', evidence = array_fill(CAST('' AS text), ARRAY[cardinality(evidence)])
WHERE exchange_id = ANY(:ids) AND (reason <> '' OR EXISTS (SELECT FROM unnest(evidence) AS q(words) WHERE words <> ''))
""")
# Of a grade's details numbers stay, and the names that are ours; a label that is no class is replaced by one of its own.
_REASONS = text("""
UPDATE grades g SET reason = NULL, facts = kept.facts
FROM grades o CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_object_agg(f.key, CASE
        WHEN f.key NOT IN ('incumbent', 'arm') OR jsonb_typeof(f.value) <> 'string' OR f.value #>> '{}' = ANY(:classes)
            OR f.value #>> '{}' LIKE '(removed %)' THEN f.value
        ELSE to_jsonb('(removed ' || left(encode(sha256(convert_to(:salt || (f.value #>> '{}'), 'UTF8')), 'hex'), 12) || ')')
    END), '{}'::jsonb) AS facts
    FROM jsonb_each(o.facts) AS f
    WHERE jsonb_typeof(f.value) IN ('number', 'boolean', 'null') OR f.key IN ('incumbent', 'arm', 'model', 'cut_chars')
) AS kept
WHERE o.exchange_id = ANY(:ids) AND g.id = o.id AND (o.reason IS NOT NULL OR o.facts <> kept.facts)
""")
# What waits for a model is looked at anew: it gets the mean of what was said of it, or that there is no text.
_FINDINGS = text("""
UPDATE pairs p SET facts = (p.facts - 'unusable' - 'message') || CASE
        WHEN jsonb_typeof(p.facts -> 'violations') = 'object' THEN jsonb_build_object('violations', (
            SELECT coalesce(jsonb_object_agg(v.key, '["(its text was removed)"]'::jsonb), '{}'::jsonb)
            FROM jsonb_each(p.facts -> 'violations') AS v))
        ELSE '{}'::jsonb END,
    rule = CASE WHEN p.state = 'pending' THEN NULL ELSE p.rule END, claimed_until = NULL, claimed_by = NULL
WHERE p.exchange_id = ANY(:ids) AND (p.facts ?| ARRAY['violations', 'unusable', 'message'] OR p.state = 'pending')
""")
# The client's own values: of a user, of a stop word. Numbers stay.
_VALUES = text("""
UPDATE replies SET adaptation = (
    SELECT jsonb_agg(a || jsonb_build_object(
        'from', CASE WHEN jsonb_typeof(a -> 'from') IN ('number', 'boolean') THEN a -> 'from' END,
        'to', CASE WHEN jsonb_typeof(a -> 'to') IN ('number', 'boolean') THEN a -> 'to' END))
    FROM jsonb_array_elements(adaptation) AS a)
WHERE exchange_id = ANY(:ids) AND adaptation @? 'strict $[*].keyvalue() ? (@.key == "from" || @.key == "to").value
    ? (@.type() == "string" || @.type() == "object" || @.type() == "array")'
""")
_USAGES = text("""
SELECT exchange_id, arm_id, usage FROM replies
WHERE exchange_id = ANY(:ids) AND usage @? 'strict $.** ? (@.type() == "string")' ORDER BY exchange_id, arm_id
""")
_COUNTS = text("UPDATE replies SET usage = CAST(:usage AS jsonb) WHERE exchange_id = :exchange_id AND arm_id = :arm_id")
# A remark of a person may quote; that both were bad is no remark.
_REMARKS = text("""
UPDATE labels SET reason = CASE WHEN reason LIKE 'both_bad%' THEN 'both_bad' END,
    skipped = CASE WHEN skipped IS NOT NULL THEN '(removed)' END
WHERE exchange_id = ANY(:ids) AND (reason <> 'both_bad' OR skipped <> '(removed)')
""")
_CLASSES = text("""
SELECT label FROM (
    SELECT e.conversation_id, l.label FROM grades g JOIN exchanges e ON e.id = g.exchange_id
    CROSS JOIN LATERAL (VALUES (g.facts ->> 'incumbent'), (g.facts ->> 'arm')) AS l(label)
    WHERE g.pilot_id = :pilot AND jsonb_typeof(g.facts -> 'incumbent') = 'string' AND l.label IS NOT NULL
) AS named GROUP BY label HAVING count(DISTINCT conversation_id) >= :least
""")
_ERASED = text("SELECT id FROM exchanges WHERE id = ANY(:ids) AND text_erased_at IS NOT NULL")
_AGAIN = text("SELECT id, pilot_id, text_erased_at FROM exchanges WHERE id = ANY(:ids) AND text_erased_at IS NOT NULL")


def wait_shortly(session: Session) -> None:
    """In this transaction no lock is waited for longer than `LOCK_MILLISECONDS`."""
    session.execute(_WAIT_SHORTLY)


def class_labels(session: Session, pilot_id: int) -> list[str]:
    """Labels that are names of classes: those of several conversations."""
    return list(session.scalars(_CLASSES, {"pilot": pilot_id, "least": LEAST_CONVERSATIONS}))


def remove_texts(
    session: Session, pilot_id: int, exchange_ids: Collection[int], at: datetime, *, classes: Sequence[str], salt: str
) -> Counter[str]:
    """Removes all texts of some exchanges of a pilot; those without any are marked, too.

    Args:
        session: A short transaction.
        pilot_id: Whose exchanges.
        exchange_ids: Their numbers; a few hundred at once.
        at: The moment that they are marked with.
        classes: `class_labels` of the pilot.
        salt: Makes replaced labels differ from pilot to pilot; nobody keeps it.

    Returns:
        How much of each kind was removed.
    """
    held = session.execute(_HOLD, {"ids": sorted(exchange_ids)}).all()
    if not held:
        return Counter()
    session.execute(_HOLD_PAIRS, {"ids": [row.id for row in held]})
    moments = [row.arrived_at for row in held]
    parameters: dict[str, Any] = {
        "pilot": pilot_id, "ids": [row.id for row in held], "external_ids": [row.external_id for row in held],
        "at": at, "first": min(moments), "last": max(moments), "classes": list(classes), "salt": salt,
    }  # fmt: skip
    steps = {
        "exchanges": _MARK, "texts": _PAYLOADS, "waiting_replies": _WAITING, "rubric_evidence": _EVIDENCE,
        "grade_reasons": _REASONS, "pair_findings": _FINDINGS, "label_remarks": _REMARKS,
        "adaptation_values": _VALUES,
    }  # fmt: skip
    removed = Counter({name: _changed(session, step, parameters) for name, step in steps.items()})
    removed["report_examples"] = _withhold_examples(session, pilot_id, parameters["ids"], at)
    _count_only(session, parameters["ids"])
    return removed


def _count_only(session: Session, exchange_ids: Sequence[int]) -> None:
    """Of what servers said of usage numbers stay."""
    for row in session.execute(_USAGES, {"ids": exchange_ids}).all():
        plain = plain_usage(row.usage)
        usage = json.dumps(plain) if plain is not None else None
        session.execute(_COUNTS, {"exchange_id": row.exchange_id, "arm_id": row.arm_id, "usage": usage})


def _withhold_examples(session: Session, pilot_id: int, exchange_ids: Sequence[int], at: datetime) -> int:
    """Reports go on showing the pairs, without their words; one that cannot be read here is removed altogether."""
    rows = session.execute(_EXAMPLES, {"ids": exchange_ids, "pilot": pilot_id}).all()
    for row in rows:
        parameters = {"report_id": row.report_id, "position": row.position}
        try:
            kept = read_example(session, pilot_id, row.document).without_texts(at)
        except (TextKeyMissing, ValueError):
            session.execute(_DROP_EXAMPLE, parameters)
        else:
            session.execute(_WITHHOLD, parameters | {"document": kept.model_dump_json()})
    return len(rows)


def erased_among(session: Session, exchange_ids: Collection[int]) -> set[int]:
    """Exchanges whose texts were removed: nothing of them is stored any more."""
    return set(session.scalars(_ERASED, {"ids": sorted(exchange_ids)})) if exchange_ids else set()


def removed_at(session: Session, exchange_ids: Collection[int]) -> dict[int, datetime]:
    """When the texts of exchanges were removed; those that were not are left out."""
    rows = session.execute(_AGAIN, {"ids": sorted(exchange_ids)}) if exchange_ids else ()
    return {row.id: row.text_erased_at for row in rows}


def forget_late(session: Session, exchange_ids: Collection[int]) -> None:
    """Called by whoever has just stored words about exchanges: those of exchanges without a text go again."""
    found = session.execute(_AGAIN, {"ids": sorted(exchange_ids)}).all() if exchange_ids else ()
    for row in found:
        remove_texts(session, row.pilot_id, [row.id], row.text_erased_at, classes=(), salt=token_hex(16))


def _changed(session: Session, statement: Any, parameters: dict[str, Any]) -> int:
    wanted = {name: parameters[name] for name in statement._bindparams}
    result = session.execute(statement, wanted)
    assert isinstance(result, CursorResult)  # noqa: S101 - tells the type checker
    return result.rowcount
