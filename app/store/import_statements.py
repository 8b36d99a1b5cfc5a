"""The statements of a merge: `:import_id` is the import, `:pilot_id` its pilot."""
# ruff: noqa: S608 - what is put in are names of our own columns

from collections.abc import Sequence

from app.domain.imports import ExchangeRecord, GradeRecord, LabelRecord, ReplyRecord


def _columns(fields: Sequence[str], prefix: str = "") -> str:
    return ", ".join(f"{prefix}{field}" for field in fields)


def _excluded(fields: Sequence[str]) -> str:
    return ", ".join(f"{field} = excluded.{field}" for field in fields)


_EXCHANGE = [field for field in ExchangeRecord._fields if field not in {"body", "reference"}]
_REPLY = [field for field in ReplyRecord._fields if field != "body"]

REPEATED = """
DELETE FROM staged_exchanges WHERE exchange_id IN (
    SELECT exchange_id FROM (
        SELECT exchange_id, row_number() OVER (PARTITION BY external_id, content_hash ORDER BY line) AS time
        FROM staged_exchanges WHERE import_id = :import_id
    ) AS numbered WHERE time > 1
)"""
# OFFSET 0: each staged line looks its id up in the index, whatever the planner knows of tables that grew a moment ago.
_STORED = """LATERAL (
    SELECT e.id, e.content_hash FROM exchanges AS e WHERE e.pilot_id = :pilot_id AND e.external_id = s.external_id OFFSET 0
) AS e"""
# Nothing can be compared with or added to an exchange without its text.
ERASED = """
DELETE FROM staged_exchanges WHERE exchange_id IN (
    SELECT s.exchange_id FROM staged_exchanges AS s CROSS JOIN LATERAL (
        SELECT FROM exchanges AS x
        WHERE x.pilot_id = :pilot_id AND x.external_id = s.external_id AND x.text_erased_at IS NOT NULL OFFSET 0
    ) AS e WHERE s.import_id = :import_id
)"""
UNCHANGED = f"""
DELETE FROM staged_exchanges WHERE exchange_id IN (
    SELECT s.exchange_id FROM staged_exchanges AS s CROSS JOIN {_STORED}
    WHERE s.import_id = :import_id AND e.content_hash = s.content_hash
)"""
MEETING = f"""
CREATE TEMPORARY TABLE meeting_ids ON COMMIT DROP AS
SELECT external_id, staged, row_number() OVER (ORDER BY first) AS number FROM (
    SELECT s.external_id, array_agg(s.exchange_id) AS staged, min(s.line) AS first
    FROM staged_exchanges AS s LEFT JOIN {_STORED} ON TRUE
    WHERE s.import_id = :import_id
    GROUP BY s.external_id HAVING count(*) > 1 OR count(e.id) > 0
) AS met"""
REPLIES_WITH_BODY = """(
    SELECT r.*, p.body FROM replies AS r JOIN exchanges AS e ON e.id = r.exchange_id
    JOIN payloads AS p ON p.arrived_at = e.arrived_at AND p.exchange_id = r.exchange_id AND p.arm_id = r.arm_id
) AS with_body"""
_NEW_EXCHANGES = f"""
INSERT INTO exchanges (id, pilot_id, source, closed_at, {_columns(_EXCHANGE)})
SELECT exchange_id, :pilot_id, 'imported', now(), {_columns(_EXCHANGE)}
FROM staged_exchanges WHERE import_id = :import_id AND NOT is_merge ORDER BY exchange_id
"""
_REQUESTS = """
INSERT INTO payloads (exchange_id, arm_id, arrived_at, pilot_id, body)
SELECT exchange_id, 0, arrived_at, :pilot_id, body
FROM staged_exchanges WHERE import_id = :import_id AND NOT is_merge ORDER BY exchange_id
"""
_REFERENCES = """
INSERT INTO payloads (exchange_id, arm_id, arrived_at, pilot_id, body)
SELECT exchange_id, -1, arrived_at, :pilot_id, reference FROM staged_exchanges
WHERE import_id = :import_id AND {which} AND reference IS NOT NULL ORDER BY exchange_id"""
_MERGED_EXCHANGES = f"""
UPDATE exchanges AS e SET {", ".join(f"{field} = s.{field}" for field in _EXCHANGE)}
FROM staged_exchanges AS s WHERE s.import_id = :import_id AND s.is_merge AND e.id = s.exchange_id AND e.pilot_id = :pilot_id
"""
_REPLY_ROWS = f"""
INSERT INTO replies (exchange_id, pilot_id, source, {_columns(_REPLY)})
SELECT r.exchange_id, :pilot_id, 'imported', {_columns(_REPLY, "r.").replace("r.usage", "CAST(r.usage AS jsonb)")}
FROM staged_replies AS r"""
_REPLY_BODIES = """
INSERT INTO payloads (exchange_id, arm_id, arrived_at, pilot_id, body)
SELECT r.exchange_id, r.arm_id, s.arrived_at, :pilot_id, r.body FROM staged_replies AS r"""
_GRADES = f"""
INSERT INTO grades (exchange_id, pilot_id, grader, version, source, {_columns(GradeRecord._fields)})
SELECT r.exchange_id, :pilot_id, 'judge', 'imported', 'imported', {_columns(GradeRecord._fields, "r.")}
FROM staged_grades AS r"""
_LABELS = f"""
INSERT INTO labels (exchange_id, pilot_id, source, {_columns(LabelRecord._fields)})
SELECT r.exchange_id, :pilot_id, 'imported', {_columns(LabelRecord._fields, "r.")} FROM staged_labels AS r"""
_CHILDREN = {
    _REPLY_ROWS: f"(exchange_id, arm_id) DO UPDATE SET {_excluded(_REPLY)}",
    _REPLY_BODIES: "(exchange_id, arm_id, arrived_at) DO UPDATE SET body = excluded.body",
    _GRADES: f"ON CONSTRAINT uq_grades_once DO UPDATE SET {_excluded(GradeRecord._fields)}",
    _LABELS: f"(exchange_id, arm_id, rater) DO UPDATE SET {_excluded(LabelRecord._fields)}",
}
_OF_LINES = """
JOIN staged_exchanges AS s ON s.exchange_id = r.exchange_id
WHERE s.import_id = :import_id AND {which} ORDER BY r.exchange_id, r.arm_id"""
_NEW, _MERGED = _OF_LINES.format(which="NOT s.is_merge"), _OF_LINES.format(which="s.is_merge")

ADD_NEW = (_NEW_EXCHANGES, _REQUESTS, _REFERENCES.format(which="NOT is_merge"), *(insert + _NEW for insert in _CHILDREN))
ADD_TO_STORED = (
    _MERGED_EXCHANGES,
    _REFERENCES.format(which="is_merge") + " ON CONFLICT DO NOTHING",
    *(f"{insert}{_MERGED} ON CONFLICT {else_}" for insert, else_ in _CHILDREN.items()),
)
COMPARED = """
SELECT s.exchange_id FROM staged_exchanges AS s
WHERE s.import_id = :import_id AND s.exchange_id > :after AND (s.is_merge OR EXISTS (
    SELECT FROM staged_replies AS r JOIN arms AS a ON a.id = r.arm_id
    WHERE r.exchange_id = s.exchange_id AND a.role <> 'incumbent'
)) ORDER BY s.exchange_id LIMIT :most
"""
