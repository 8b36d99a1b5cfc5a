"""The statements of a merge: `:import_id` is the import, `:pilot_id` its pilot."""
# ruff: noqa: S608 - what is put in are names of our own columns

from collections.abc import Sequence

from app.domain.imports import ExchangeRecord, GradeRecord, LabelRecord, ReplyRecord


def _columns(fields: Sequence[str], prefix: str = "") -> str:
    return ", ".join(f"{prefix}{field}" for field in fields)


def _excluded(fields: Sequence[str]) -> str:
    return ", ".join(f"{field} = excluded.{field}" for field in fields)


_EXCHANGE = [field for field in ExchangeRecord._fields if field != "body"]
_REPLY = [field for field in ReplyRecord._fields if field != "body"]
_OF_IMPORT = "JOIN staged_exchanges AS s ON s.exchange_id = r.exchange_id WHERE s.import_id = :import_id"

REPEATED = """
DELETE FROM staged_exchanges WHERE exchange_id IN (
    SELECT exchange_id FROM (
        SELECT exchange_id, row_number() OVER (PARTITION BY external_id, content_hash ORDER BY line) AS time
        FROM staged_exchanges WHERE import_id = :import_id
    ) AS numbered WHERE time > 1
)"""
UNCHANGED = """
DELETE FROM staged_exchanges AS s USING exchanges AS e
WHERE s.import_id = :import_id AND e.pilot_id = :pilot_id AND e.external_id = s.external_id AND e.content_hash = s.content_hash
"""
MEETING = """
CREATE TEMPORARY TABLE meeting_ids ON COMMIT DROP AS
SELECT external_id, staged, row_number() OVER (ORDER BY first) AS number FROM (
    SELECT s.external_id, array_agg(s.exchange_id) AS staged, min(s.line) AS first FROM staged_exchanges AS s
    LEFT JOIN exchanges AS e ON e.pilot_id = :pilot_id AND e.external_id = s.external_id
    WHERE s.import_id = :import_id
    GROUP BY s.external_id HAVING count(*) > 1 OR count(e.id) > 0
) AS met"""
REPLIES_WITH_BODY = """(
    SELECT r.*, p.body FROM replies AS r JOIN exchanges AS e ON e.id = r.exchange_id
    JOIN payloads AS p ON p.arrived_at = e.arrived_at AND p.exchange_id = r.exchange_id AND p.arm_id = r.arm_id
) AS with_body"""
NEW_EXCHANGES = f"""
INSERT INTO exchanges (id, pilot_id, source, closed_at, {_columns(_EXCHANGE)})
SELECT exchange_id, :pilot_id, 'imported', now(), {_columns(_EXCHANGE)}
FROM staged_exchanges WHERE import_id = :import_id AND NOT is_merge ORDER BY exchange_id
"""
MERGED_EXCHANGES = f"""
UPDATE exchanges AS e SET {", ".join(f"{field} = s.{field}" for field in _EXCHANGE)}
FROM staged_exchanges AS s WHERE s.import_id = :import_id AND s.is_merge AND e.id = s.exchange_id AND e.pilot_id = :pilot_id
"""
REQUESTS = """
INSERT INTO payloads (arrived_at, exchange_id, arm_id, pilot_id, body)
SELECT arrived_at, exchange_id, 0, :pilot_id, body
FROM staged_exchanges WHERE import_id = :import_id AND NOT is_merge ORDER BY exchange_id
"""
REPLY_ROWS = f"""
INSERT INTO replies (exchange_id, pilot_id, source, {_columns(_REPLY)})
SELECT r.exchange_id, :pilot_id, 'imported', {_columns(_REPLY, "r.")}
FROM staged_replies AS r {_OF_IMPORT} ORDER BY r.exchange_id, r.arm_id
ON CONFLICT (exchange_id, arm_id) DO UPDATE SET {_excluded(_REPLY)}
"""
REPLY_BODIES = f"""
INSERT INTO payloads (arrived_at, exchange_id, arm_id, pilot_id, body)
SELECT s.arrived_at, r.exchange_id, r.arm_id, :pilot_id, r.body
FROM staged_replies AS r {_OF_IMPORT} ORDER BY r.exchange_id, r.arm_id
ON CONFLICT (arrived_at, exchange_id, arm_id) DO UPDATE SET body = excluded.body
"""
GRADES = f"""
INSERT INTO grades (exchange_id, pilot_id, grader, version, source, {_columns(GradeRecord._fields)})
SELECT r.exchange_id, :pilot_id, 'judge', 'imported', 'imported', {_columns(GradeRecord._fields, "r.")}
FROM staged_grades AS r {_OF_IMPORT} ORDER BY r.exchange_id, r.arm_id
ON CONFLICT ON CONSTRAINT uq_grades_once DO UPDATE SET {_excluded(GradeRecord._fields)}
"""
LABELS = f"""
INSERT INTO labels (exchange_id, pilot_id, source, {_columns(LabelRecord._fields)})
SELECT r.exchange_id, :pilot_id, 'imported', {_columns(LabelRecord._fields, "r.")}
FROM staged_labels AS r {_OF_IMPORT} ORDER BY r.exchange_id, r.arm_id
ON CONFLICT (exchange_id, arm_id, rater) DO UPDATE SET {_excluded(LabelRecord._fields)}
"""
COMPARED = """
SELECT s.exchange_id FROM staged_exchanges AS s
WHERE s.import_id = :import_id AND s.exchange_id > :after AND (s.is_merge OR EXISTS (
    SELECT FROM staged_replies AS r JOIN arms AS a ON a.id = r.arm_id
    WHERE r.exchange_id = s.exchange_id AND a.role <> 'incumbent'
)) ORDER BY s.exchange_id LIMIT :most
"""
