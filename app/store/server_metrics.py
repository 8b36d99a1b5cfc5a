"""Readings of candidates' metrics pages: written one by one, read as hours and lives of a process."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.domain.serving import (
    HourReadings,
    RepeatCount,
    ServerNow,
    ServerProcess,
    ServerReadings,
    ServingMark,
    ServingSeen,
)
from app.store.money_tables import RepeatRow, ServerMetricsRow

SERVER = "server"
MOST_PROCESSES = 5000
MOST_PROBLEM_CHARS = 300


def keep_readings(session: Session, pilot_id: int, arm_id: int, at: datetime, read: ServerReadings) -> None:
    """Keeps what a page said at a moment; the same moment again changes nothing."""
    readings: dict[str, Any] = dict(read.values)
    if read.server is not None:
        readings[SERVER] = read.server
    problem = read.problem.replace("\x00", "?")[:MOST_PROBLEM_CHARS] if read.problem is not None else None
    row = {"arm_id": arm_id, "at": at, "pilot_id": pilot_id, "problem": problem, "readings": readings}
    session.execute(insert(ServerMetricsRow).values(row).on_conflict_do_nothing())


def mark_serving(session: Session, pilot_id: int, *, until: datetime | None) -> ServingMark:
    """What there is before a moment, in three numbers; nothing before no moment."""
    if until is None:
        return ServingMark()
    seen = select(func.count(), func.max(ServerMetricsRow.at))
    readings, last_at = session.execute(seen.where(ServerMetricsRow.pilot_id == pilot_id, ServerMetricsRow.at < until)).one()
    repeats = session.scalar(
        select(func.count()).select_from(RepeatRow).where(RepeatRow.pilot_id == pilot_id, RepeatRow.at < until)
    )
    return ServingMark(readings, last_at, repeats or 0)


def read_serving(session: Session, pilot_id: int, arms: Mapping[str, int], *, until: datetime | None) -> dict[str, ServingSeen]:
    """All that was read before a moment, by the arm's name: summed up by the database, never row by row.

    Args:
        session: One snapshot.
        pilot_id: Whose.
        arms: Numbers of the candidates by name.
        until: Readings and repeats before it; `None` = none.
    """
    if until is None:
        return {name: ServingSeen() for name in arms}
    parameters = {"pilot": pilot_id, "until": until}
    hours = _by_arm(session, _HOURS, parameters)
    processes = _by_arm(session, _PROCESSES, parameters | {"most": MOST_PROCESSES})
    unsaid = _by_arm(session, _UNSAID, parameters | {"most": MOST_PROCESSES})
    repeats = _by_arm(session, _REPEATS, parameters)
    servers = _by_arm(session, _SERVERS, parameters)
    problems = _by_arm(session, _PROBLEMS, parameters)
    return {
        name: ServingSeen(
            hours=tuple(HourReadings(**row) for row in hours.get(arm, ())),
            processes=_lives(processes.get(arm, ()), unsaid.get(arm, ())),
            repeats=tuple(RepeatCount(**row) for row in repeats.get(arm, ())),
            servers=tuple(row["server"] for row in servers.get(arm, ())),
            last_problem=next((row["problem"] for row in problems.get(arm, ())), ""),
        )
        for name, arm in arms.items()
    }


def latest_readings(session: Session, pilot_id: int) -> list[ServerNow]:
    """What each arm's page said last, by the arm's name."""
    return [_now(dict(row)) for row in session.execute(_LATEST, {"pilot": pilot_id}).mappings()]


def _now(row: Mapping[str, Any]) -> ServerNow:
    readings = row["readings"]
    started = readings.get("process_started_at")
    return ServerNow(
        arm=row["name"],
        at=row["at"],
        server=readings.get(SERVER),
        problem=row["problem"],
        process_started_at=datetime.fromtimestamp(started, UTC) if started is not None else None,
        **{name: readings.get(name) for name in ("running", "waiting", "kv_cache_usage_rate", "gpu_utilisation_rate")},
    )


def _by_arm(session: Session, statement: Any, parameters: Mapping[str, Any]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in session.execute(statement, parameters).mappings():
        values = dict(row)
        found.setdefault(values.pop("arm_id"), []).append(values)
    return found


def _lives(said: Sequence[Mapping[str, Any]], unsaid: Sequence[Mapping[str, Any]]) -> tuple[ServerProcess, ...]:
    """Where the page says when its process started, that counts; else each stretch in which its counters only grew."""
    if said:
        return tuple(
            ServerProcess(datetime.fromtimestamp(row["started"], UTC), row["first_at"], row["last_at"]) for row in said
        )
    return tuple(ServerProcess(row["first_at"], row["first_at"], row["last_at"], is_said=False) for row in unsaid)


_OF_PILOT = "FROM server_metrics WHERE pilot_id = :pilot AND at < :until"
_GAUGES = {
    "running": ("mean", "max"), "waiting": ("mean", "max"), "kv_cache": ("mean", "max"), "gpu_utilisation": ("mean",),
    "gpu_memory_bytes": ("max",), "prefix_cache_hit_rate": ("mean",),
}  # fmt: skip
_KEYS = {"kv_cache": "kv_cache_usage_rate", "gpu_utilisation": "gpu_utilisation_rate"}
_COUNTERS = ("preemptions", "prefix_cache_hits", "prefix_cache_queries", "ttft_seconds_sum", "ttft_count")
_FUNCTIONS = {"mean": "avg", "max": "max"}


def _reading(name: str) -> str:
    return f"CAST(readings ->> '{_KEYS.get(name, name)}' AS double precision) AS {name}"


# A counter adds what it grew since the reading before; one that fell began anew.
_GROWN = ", ".join(
    f"CASE WHEN {name} >= lag({name}) OVER w THEN {name} - lag({name}) OVER w "
    f"WHEN {name} < lag({name}) OVER w THEN {name} END AS {name}"
    for name in _COUNTERS
)
_HOURS = text(f"""
WITH r AS (SELECT arm_id, at, problem, {", ".join(_reading(name) for name in (*_GAUGES, *_COUNTERS))} {_OF_PILOT}),
g AS (SELECT arm_id, at, problem, {", ".join(_GAUGES)}, {_GROWN} FROM r
    WINDOW w AS (PARTITION BY arm_id, problem IS NULL ORDER BY at))
SELECT arm_id, date_trunc('hour', at, 'UTC') AS hour, count(*) FILTER (WHERE problem IS NULL) AS readings,
    count(problem) AS problems,
    {", ".join(f"{_FUNCTIONS[how]}({name}) AS {name}_{how}" for name, hows in _GAUGES.items() for how in hows)},
    {", ".join(f"sum({name}) AS {name}" for name in _COUNTERS)}
FROM g GROUP BY arm_id, hour ORDER BY arm_id, hour
""")  # noqa: S608 - names of our own
_PROCESSES = text(f"""
SELECT arm_id, round(CAST(readings ->> 'process_started_at' AS numeric))::bigint AS started,
    min(at) AS first_at, max(at) AS last_at
{_OF_PILOT} AND readings ? 'process_started_at' GROUP BY arm_id, started ORDER BY arm_id, started LIMIT :most
""")
_UNSAID = text(f"""
WITH r AS (
    SELECT arm_id, at, {_reading("output_tokens")} {_OF_PILOT} AND problem IS NULL AND NOT readings ? 'process_started_at'),
f AS (SELECT arm_id, at, (output_tokens < lag(output_tokens) OVER (PARTITION BY arm_id ORDER BY at))::int AS fell FROM r),
n AS (SELECT arm_id, at, sum(coalesce(fell, 0)) OVER (PARTITION BY arm_id ORDER BY at) AS life FROM f)
SELECT arm_id, min(at) AS first_at, max(at) AS last_at FROM n GROUP BY arm_id, life ORDER BY arm_id, life LIMIT :most
""")  # noqa: S608 - names of our own
_REPEATS = text("""
SELECT arm_id, is_deterministic, is_equal, failure, count(*) AS calls FROM repeats
WHERE pilot_id = :pilot AND at < :until GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
""")
_SERVERS = text(f"""
SELECT arm_id, readings ->> '{SERVER}' AS server {_OF_PILOT} AND readings ? '{SERVER}'
GROUP BY 1, 2 ORDER BY 1, count(*) DESC, 2
""")
_PROBLEMS = text(f"SELECT DISTINCT ON (arm_id) arm_id, problem {_OF_PILOT} AND problem IS NOT NULL ORDER BY arm_id, at DESC")
_LATEST = text("""
SELECT a.name, m.at, m.problem, m.readings FROM arms a
CROSS JOIN LATERAL (SELECT * FROM server_metrics x WHERE x.arm_id = a.id ORDER BY x.at DESC LIMIT 1) m
WHERE a.pilot_id = :pilot ORDER BY a.name
""")
