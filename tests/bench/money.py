"""`./run bench money`: 100,000 draws of a month with every figure that rests on them, against a plain loop."""

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from app.costs.break_even import break_even_requests
from app.costs.month_draws import DRAWS, Spread, draw_factors, saving_range, simulate
from app.costs.month_model import Factors, MonthModel, month_of
from app.costs.scenarios import month_in, scenarios_of
from app.costs.stairs import Stairs
from app.costs.tornado import tornado_of
from app.costs.totals import payback_months, totals_of

GOAL_SECONDS = 1.0
LOOPED = 5_000
MODEL = MonthModel(9_600.0, 0.0, 1_460.0, Stairs((0.5, 1.05, 1.6, 2.2), (2, 3, 4, 5)), 9.0, 2.0, 90.0, 120.0, 24, 400.0, 8e6)
SPREAD = Spread(incumbent=0.05, carrying=0.1, upkeep_sigma=0.6)


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured; `loop_seconds` is a plain loop's time for as many draws, reckoned from some of them."""

    draws: int
    draws_seconds: float
    all_figures_seconds: float
    loop_seconds: float
    ratio: float
    seeds_differ_usd: float
    goal_seconds: float
    is_met: bool


def main() -> int:
    """Prints a line a measure and one JSON object at the end."""
    parser = argparse.ArgumentParser(prog="./run bench money")
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    drawn = measured(lambda: saving_range(simulate(MODEL, SPREAD)), repeats)
    whole = measured(every_figure, repeats)
    loop = measured(plain_loop, 3) * DRAWS / LOOPED
    p5 = [saving_range(simulate(MODEL, SPREAD, seed=seed)).p5 for seed in range(5)]
    result = Result(
        DRAWS, round(drawn, 4), round(whole, 4), round(loop, 3), round(loop / drawn, 1), round(max(p5) - min(p5), 2),
        GOAL_SECONDS, whole <= GOAL_SECONDS,
    )  # fmt: skip
    say(f"{DRAWS:,} draws and their percentiles: {drawn:.4f} s (median of {repeats}); with every figure: {whole:.4f} s")
    say(f"a plain loop over as many: {loop:.3f} s, {loop / drawn:.1f} times as long")
    say(f"5th percentile over five seeds: {max(p5) - min(p5):.2f} US dollars apart, of {MODEL.incumbent_usd:,.0f}")
    print(json.dumps(asdict(result)))  # noqa: T201 - the result
    return 0 if result.is_met else 1


def every_figure() -> None:
    """All that a scorecard asks of the draws; the draws themselves are made anew."""
    factors = draw_factors(SPREAD, seed=random.randrange(2**31))
    month = month_of(MODEL, factors)
    saving_range(month)
    break_even_requests(MODEL, factors)
    payback_months(month)
    totals_of(month, horizon_months=MODEL.horizon_months)
    tornado_of(MODEL, SPREAD)
    for scenario in scenarios_of(MODEL):
        saving_range(month_in(scenario, MODEL, factors).month)


def plain_loop() -> None:
    """The same month, one draw at a time."""
    rng = np.random.default_rng(1)
    savings = []
    for _ in range(LOOPED):
        tokens, carrying, upkeep = (float(np.exp(scale * rng.standard_normal())) for scale in (0.05, 0.1, 0.6))
        month = month_of(MODEL, Factors(incumbent=tokens, carrying=carrying, upkeep=upkeep))
        savings.append(float(month.saving_usd))
    statistics.quantiles(savings, n=20)


def measured(what: Callable[[], Any], repeats: int) -> float:
    """Median seconds."""
    found = []
    for _ in range(repeats):
        begin = time.perf_counter()
        what()
        found.append(time.perf_counter() - begin)
    return statistics.median(found)


def say(line: str) -> None:
    """Tells a person."""
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
