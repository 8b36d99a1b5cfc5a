"""`./run bench report`: what a scorecard costs to read, and a day to close, for pilots of a million pairs and more.

A day close is measured with the last day new: its part is made (first with cold rows, then a few times warm), and the parts of
all days are added up to the figures. The same figures are asked of the tables by the committed SQL (`tests/bench/report.sql`),
with the product's indexes, in the same run.
"""

import argparse
import json
import math
import os
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.domain.day_figures import DaysModel
from app.domain.pilot import DAY, Pilot
from app.pipeline.conversations import VALUE
from app.pipeline.operation import MEASURES
from app.pipeline.parts.closing_parts import close_parts
from app.pipeline.parts.figures import figures_of_days
from app.pipeline.parts.part import ALL, DayPart, merged
from app.pipeline.scorecard import compute_scorecard
from app.stack.postgres import start_postgres
from app.store.migrate import upgrade_database
from app.store.rollups import drop_parts
from app.store.session import SessionFactory, make_engine, make_session_factory, session_scope
from tests.bench.report_data import DAYS, START, analyse, create_pilot, load_days
from tests.text_keys import known_texts

HERE = Path(__file__).resolve().parent
EXPLAINED = HERE / "report_explain.txt"
NOW = START + timedelta(days=2 * DAYS)
SUMS = ("n", "sum_w", "sum_w2", "sum_wx", "sum_wx2", "sum_w2x", "sum_w2x2")
READ_GOAL_SECONDS, FASTER_GOAL, PERCENTILE_GOAL, GROWTH_GOAL = 2.0, 25.0, 0.01, 1.0
TIMES_FASTER = ("times_faster_from_parts", "times_faster_with_the_new_day", "times_faster_with_the_new_day_read_first")
COSTS = {"figures_from_parts": "figures_from_parts_seconds", "day_close": "day_close_seconds", "raw_sql": "raw_sql_seconds"}
# Reading all rows of a larger pilot at once needs more memory than many a machine has.
MOST_FOR_SCORECARD = 1_000_000
# The median counts: the load of a machine changes from one second to the next.
REPEATS = 5
Found = TypeVar("Found")


def main() -> int:
    arguments = _arguments()
    sizes = []
    for pairs in arguments.pairs:
        with tempfile.TemporaryDirectory(prefix="pp-bench-") as folder:
            home = Path(folder)
            home.chmod(0o711)
            with _database(home) as factory:
                sizes.append(_size(factory, pairs, explain=arguments.explain and pairs == arguments.pairs[0]))
                _say(json.dumps(sizes[-1]))
    report = _report(sizes)
    sys.stdout.write(json.dumps(report) + "\n")
    return 0 if all(goal["met"] is not False for goal in report["goals"]) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench report", description=__doc__)
    sizes = "how many pairs the pilots have, as 1000000,5000000"
    parser.add_argument(
        "--pairs", type=lambda given: [int(each) for each in given.split(",")], default=[1_000_000, 5_000_000], help=sizes
    )
    parser.add_argument("--explain", action="store_true", help=f"write the plans of the SQL to {EXPLAINED.name}")
    return parser.parse_args()


@contextmanager
def _database(home: Path) -> Iterator[SessionFactory]:
    server = start_postgres(home, _say)
    try:
        upgrade_database(server.url)
        engine = make_engine(server.url)
        yield make_session_factory(engine, texts=known_texts())
        engine.dispose()
    finally:
        server.stop()


def _say(said: str) -> None:
    sys.stderr.write(f"{said}\n")


def _timed(call: Callable[[], Found]) -> tuple[Found, float]:
    started = time.perf_counter()
    found = call()
    return found, time.perf_counter() - started


def _size(factory: SessionFactory, pairs: int, *, explain: bool) -> dict[str, Any]:
    """All measurements of one pilot."""
    load = [round(os.getloadavg()[0], 1)]
    pilot = create_pilot(factory)
    load_days(factory, pilot, pairs=pairs, first_day=1, last_day=DAYS - 1)
    _say(f"{pairs:,} pairs: all days but the last are loaded")
    _, first_seconds = _timed(lambda: close_parts(factory, pilot.name, now=START + (DAYS - 1) * DAY))
    load_days(factory, pilot, pairs=pairs, first_day=DAYS, last_day=DAYS)
    analyse(factory)
    parts, extract_seconds = _timed(lambda: close_parts(factory, pilot.name, now=NOW))
    again = [_timed(lambda: _close_again(factory, pilot))[1] for _ in range(REPEATS)]
    figures = figures_of_days(factory, pilot.name, now=NOW)
    merges = [_timed(lambda: figures_of_days(factory, pilot.name, now=NOW))[1] for _ in range(REPEATS)]
    with factory() as session:
        raw, seconds_by_query = _raw(session, pilot)
        if explain:
            EXPLAINED.write_text(_explained(session, pilot))
    scorecard = _scorecard(factory, pilot) if pairs <= MOST_FOR_SCORECARD else {}
    return {
        "pairs": pairs,
        "load_average_before_and_after": [*load, round(os.getloadavg()[0], 1)],
        "parts_of_all_days_but_the_last_seconds": round(first_seconds, 2),
        "part_of_the_last_day_first_seconds": round(extract_seconds, 3),
        "part_of_the_last_day_seconds": round(median(again), 3),
        "figures_from_parts_seconds": round(median(merges), 3),
        "raw_sql_seconds": round(sum(seconds_by_query.values()), 2),
        "raw_sql_seconds_by_query": {name: round(seconds, 2) for name, seconds in seconds_by_query.items()},
        "differences": _compared(figures, parts, raw, pilot),
        **scorecard,
    }


def _close_again(factory: SessionFactory, pilot: Pilot) -> None:
    """The last day is new once more: its rows are no longer cold, and another moment's load of the machine counts."""
    with session_scope(factory) as session:
        drop_parts(session, pilot.id, [DAYS])
    close_parts(factory, pilot.name, now=NOW)


def _queries() -> dict[str, str]:
    found = re.findall(r"-- name: (\w+)\n(.*?);\n", HERE.joinpath("report.sql").read_text(), flags=re.DOTALL)
    return dict(found)


def _parameters(pilot: Pilot) -> dict[str, Any]:
    arm = pilot.arm_named("qwen").id
    return {"pilot": pilot.id, "arm": arm, "incumbent": pilot.incumbent.id, "start": START, "until": START + DAYS * DAY}


def _raw(session: Session, pilot: Pilot) -> tuple[dict[str, list[Any]], dict[str, float]]:
    found, seconds = {}, {}
    for name, query in _queries().items():
        found[name], seconds[name] = _timed(lambda query=query: list(session.execute(text(query), _parameters(pilot))))  # type: ignore[misc]
    return found, seconds


def _explained(session: Session, pilot: Pilot) -> str:
    plans = []
    for name, query in _queries().items():
        lines = session.scalars(text(f"EXPLAIN (ANALYZE, BUFFERS) {query}"), _parameters(pilot))
        plans.append(f"-- {name}\n" + "\n".join(lines))
    return "\n\n".join(plans) + "\n"


def _compared(figures: DaysModel, parts: dict[int, DayPart], raw: dict[str, list[Any]], pilot: Pilot) -> dict[str, float]:
    """Largest differences between both ways: relative ones of percentiles and sums, the others in numbers."""
    whole, arm = figures.together, merged(parts.values()).arms["qwen"]
    found = whole.candidates["qwen"]
    sides = {pilot.incumbent.id: found.incumbent, pilot.arm_named("qwen").id: found.candidate}
    percentiles = [
        abs(getattr(sides[row.arm_id].times[measure], name) / true - 1)
        for row in raw["percentiles"]
        for measure in MEASURES
        for name, true in zip(("p50", "p95", "p99"), getattr(row, measure), strict=True)
    ]
    orders = raw["orders"][0]._asdict()
    tokens = [sum(float(row[5]) for row in raw["tokens"] if row.arm_id == number) for number in sides]
    return {
        "percentiles": max(percentiles),
        "sums": max(_of_sums(parts, raw["sums"])),
        "counts": float(sum(abs(arm.counts[name] - number) for name, number in orders.items())),
        "exchanges": float(abs(whole.exchanges["captured"] - sum(row.exchanges for row in raw["coverage"]))),
        "tokens": max(abs(side.cached_input_tokens - true) for side, true in zip(sides.values(), tokens, strict=True)),
        "busiest_minute": abs((whole.requests_per_minute_peak or 0) - float(raw["busiest_minute"][0][0])),
    }


def _of_sums(parts: dict[int, DayPart], rows: list[Any]) -> Iterator[float]:
    """Relative differences of the seven sums of each segment and day; a cell that only one side has is infinitely wrong."""
    mine = {(key[0], day): d for day, part in parts.items() for key, d in part.arms["qwen"].sums.items() if key[1] == VALUE}
    theirs = {(row[0], row[1]): row[2:] for row in rows}
    yield 0.0 if theirs.keys() == {key for key, sums in mine.items() if key[0] != ALL and sums.n} else math.inf
    for key, row in theirs.items():
        for name, true in zip(SUMS, row, strict=True):
            yield abs(getattr(mine[key], name) - float(true)) / max(1.0, float(true))


def _scorecard(factory: SessionFactory, pilot: Pilot) -> dict[str, float]:
    """The whole scorecard once from all rows, then read while nothing changed."""
    _, computed = _timed(lambda: compute_scorecard(factory, pilot.name, now=NOW))
    reads = [_timed(lambda: compute_scorecard(factory, pilot.name, now=NOW).model_dump_json())[1] for _ in range(5)]
    return {
        "scorecard_from_all_rows_seconds": round(computed, 2),
        "scorecard_read_seconds": round(max(reads), 3),
        "memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }


def _report(sizes: list[dict[str, Any]]) -> dict[str, Any]:
    for size in sizes:
        close = size["part_of_the_last_day_seconds"] + size["figures_from_parts_seconds"]
        size["day_close_seconds"] = round(close, 3)
        size["times_faster_with_the_new_day"] = round(size["raw_sql_seconds"] / close, 1)
        cold = size["part_of_the_last_day_first_seconds"] + size["figures_from_parts_seconds"]
        size["times_faster_with_the_new_day_read_first"] = round(size["raw_sql_seconds"] / cold, 1)
        size["times_faster_from_parts"] = round(size["raw_sql_seconds"] / size["figures_from_parts_seconds"], 1)
    reads = [size["scorecard_read_seconds"] for size in sizes if "scorecard_read_seconds" in size]
    says = _says(sizes)
    return {
        "bench": "report",
        "says": says,
        "sizes": sizes,
        "cpus": os.cpu_count(),
        "goals": [
            _goal("scorecard_read_seconds", max(reads, default=None), READ_GOAL_SECONDS, is_most=True),
            _goal("times_faster_from_parts", min(says["times_faster_from_parts"].values()), FASTER_GOAL, is_most=False),
            _goal("percentiles", says["largest_relative_error_of_a_percentile"], PERCENTILE_GOAL, is_most=True),
            _goal("growth_exponent", says["growth_exponents"]["figures_from_parts"], GROWTH_GOAL, is_most=True),
        ],
    }


def _says(sizes: list[dict[str, Any]]) -> dict[str, Any]:
    """What the run shows: raw SQL against parts, without and with the rows of the new day, and how cost grows."""
    return {
        **{name: {size["pairs"]: size[name] for size in sizes} for name in TIMES_FASTER},
        "data_grew_times": round(sizes[-1]["pairs"] / sizes[0]["pairs"], 2),
        "cost_grew_times": {name: round(sizes[-1][key] / sizes[0][key], 2) for name, key in COSTS.items()},
        "growth_exponents": _growth(sizes),
        "largest_relative_error_of_a_percentile": max(size["differences"]["percentiles"] for size in sizes),
    }


def _growth(sizes: list[dict[str, Any]]) -> dict[str, float | None]:
    """Exponents: 1 = as the data, 0 = not at all; from the smallest to the largest size."""
    if len(sizes) < 2:
        return dict.fromkeys(COSTS)
    first, last = sizes[0], sizes[-1]
    by = math.log(last["pairs"] / first["pairs"])
    return {name: round(math.log(last[key] / first[key]) / by, 2) for name, key in COSTS.items()}


def _goal(name: str, found: float | None, limit: float, *, is_most: bool) -> dict[str, Any]:
    met = None if found is None else found <= limit if is_most else found >= limit
    return {"name": name, "found": found, "goal": limit, "met": met}


if __name__ == "__main__":
    sys.exit(main())
