"""What is asked of the tables for a pilot's evidence: of all of it, or of some exchanges alone."""

import re
from typing import Any

import numpy as np

from app.domain.evidence import Numbers
from app.store.binary_rows import COUNT, FLAG, FLOAT, MOMENT, NUMBER, RowQuery

_OF_ARM = "FROM {} WHERE pilot_id = %(pilot)s AND arm_id = %(arm)s"
_BY_THEN = " AND (%(as_of)s::timestamptz IS NULL OR at <= %(as_of)s)"
_ARRIVED = "FROM exchanges WHERE pilot_id = %(pilot)s AND (%(as_of)s::timestamptz IS NULL OR arrived_at < %(as_of)s)"
_TABLE = re.compile(r"FROM (\w+) WHERE (.*)")
NAMES = "SELECT id, external_id, conversation_id ", _ARRIVED
EXCHANGES = RowQuery(
    {
        "id": NUMBER,
        "arrived_at": MOMENT,
        "inclusion_probability": FLOAT,
        "sample_point": FLOAT,
        "closed_at IS NOT NULL": FLAG,
        "turn": FLOAT,
    },
    ("segment", "reason", "source"),
    _ARRIVED,
)
REPLIES = RowQuery(
    {
        "exchange_id": NUMBER,
        "status": COUNT,
        "input_tokens": COUNT,
        "cached_input_tokens": COUNT,
        "output_tokens": COUNT,
        "ttft_any_seconds": FLOAT,
        "ttft_visible_seconds": FLOAT,
        "total_seconds": FLOAT,
        "lag_seconds": FLOAT,
        "content_chars": COUNT,
        "reasoning_tokens": COUNT,
        "cache_write_tokens": COUNT,
        "audio_input_tokens": COUNT,
        "audio_output_tokens": COUNT,
    },
    ("failure", "source", "model", "service_tier"),
    _OF_ARM.format("replies"),
)
FAILURES = RowQuery({"exchange_id": NUMBER, "status": COUNT}, ("failure",), _OF_ARM.format("replies"))
PAIRS = RowQuery(
    {"exchange_id": NUMBER, "preference": FLOAT, "state = 'settled'": FLAG}, ("rule", "ungraded"), _OF_ARM.format("pairs")
)
GRADES = RowQuery(
    {"exchange_id": NUMBER, "value": FLOAT, "graded_at": MOMENT},
    ("grader", "rater", "shown_first", "ungraded", "version"),
    _OF_ARM.format("grades") + _BY_THEN,
)
LABELS = RowQuery(
    {
        "exchange_id": NUMBER,
        "value": FLOAT,
        "draw_probability": FLOAT,
        "at": MOMENT,
        "critical": FLAG,
    },
    ("rater", "source"),
    _OF_ARM.format("labels") + _BY_THEN,
)
LIVE = "SELECT id, sampling_rate, user_hash ", "FROM exchanges WHERE pilot_id = %(pilot)s AND source = 'live'"
ATTEMPTS = """
SELECT e.id, count(*), count(a.failure)
FROM attempts a JOIN exchanges e ON e.pilot_id = a.pilot_id AND e.external_id = a.first_id
WHERE a.pilot_id = %(pilot)s AND a.external_id <> coalesce(e.decided_by, e.external_id) GROUP BY e.id
"""
SKIPPED = "SELECT exchange_id, reason ", _OF_ARM.format("skipped_replies")
QUEUE_LAG = "SELECT exchange_id, queue_lag_seconds ", _OF_ARM.format("replies") + " AND queue_lag_seconds IS NOT NULL"


# Each stretch of wanted exchanges is looked up by itself, whatever the planner thinks of their number.
_WANTED = """FROM unnest(%(first)s::text::bigint[], %(last)s::text::bigint[]) AS wanted(first_id, last_id)
CROSS JOIN LATERAL (
    SELECT * FROM {table} AS x WHERE x.{key} BETWEEN wanted.first_id AND wanted.last_id AND {condition} OFFSET 0
) AS {table}"""
# So many exchanges that nobody asked for are read sooner than looked around.
_GAP = 20


def of_wanted(source: str, parameters: dict[str, Any]) -> str:
    """What comes after `SELECT`, for the wanted exchanges and those between them alone, if some are named."""
    if parameters.get("first") is None:
        return source
    table, condition = _TABLE.fullmatch(source).groups()  # type: ignore[union-attr]
    return _WANTED.format(table=table, key="id" if table == "exchanges" else "exchange_id", condition=condition)


def asked(statement: tuple[str, str], parameters: dict[str, Any]) -> str:
    """The statement, given as what is selected and from where, in the same way."""
    what, source = statement
    return what + of_wanted(source, parameters)


def stretches(wanted: Numbers | None) -> dict[str, str | None]:
    """First and last numbers of stretches without large gaps, as PostgreSQL writes arrays."""
    if wanted is None:
        return {"first": None, "last": None}
    ids = np.sort(wanted)
    starts = np.flatnonzero(np.diff(ids, prepend=ids[:1] - 2 * _GAP) > _GAP)
    return {"first": _array(ids[starts]), "last": _array(np.append(ids[starts[1:] - 1], ids[-1:]))}


def _array(numbers: Numbers) -> str:
    return "{" + ",".join(map(str, numbers.tolist())) + "}"
