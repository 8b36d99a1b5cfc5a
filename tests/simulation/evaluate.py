"""Runs scenes: how often each rule tells the pilots of a world to migrate."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

import numpy as np

from tests.simulation.rules import LOOKS, RULES
from tests.simulation.said import Said
from tests.simulation.scenes import ANY_DAY, Scene
from tests.simulation.worlds import simulate

Row = dict[str, Any]


def run_scene(scene: Scene, runs: int) -> list[Row]:
    """The rows of one scene, one a rule."""
    told: dict[str, list[tuple[float, float]]] = {rule: [] for rule in scene.rules}
    for pilots in simulate(scene.world, runs=runs):
        for rule in scene.rules:
            told[rule].append(_counts(RULES[rule](scene.world, pilots), scene))
    return [_row(scene, rule, runs, *np.sum(told[rule], axis=0)) for rule in scene.rules]


def run_scenes(chosen: Iterable[Scene], *, runs: int | None, processes: int) -> Iterator[tuple[Scene, list[Row]]]:
    """The same of several, the dearest first, as they are ready."""
    ordered = sorted(chosen, key=lambda scene: -scene.cost)
    if processes == 1:
        for scene in ordered:
            yield scene, run_scene(scene, runs or scene.runs)
        return
    with ProcessPoolExecutor(processes) as pool:
        waiting = {pool.submit(run_scene, scene, runs or scene.runs): scene for scene in ordered}
        for done in as_completed(waiting):
            yield waiting[done], done.result()


def _counts(said: Said, scene: Scene) -> tuple[float, float]:
    last = scene.world.last_moment
    told = said.ever_migrate(last) if scene.read == ANY_DAY else said.migrate(last)
    return float(told.sum()), float((said.failed_on > 0).sum())


def _row(scene: Scene, rule: str, runs: int, migrate: float, dont_migrate: float) -> Row:
    world = scene.world
    row: Row = {
        "world": world.name,
        "rule": rule,
        "conversations": world.conversations,
        "labels": world.labels.planned if world.labels is not None else 0,
        "true_win_rate": round(world.mean_win_rate, 4),
        "looks": LOOKS.get(rule, "daily"),
        "runs": runs,
        "migrate_rate": round(float(migrate / runs), 5),
        "dont_migrate_rate": round(float(dont_migrate / runs), 5),
        "read": scene.read,
        "days": world.days,
        "end_win_rate": round(float(world.path[-1]), 4),
    }
    if rule == "h1" and scene.goal is not None:
        row["goal"] = scene.goal.words
        row["ok"] = scene.goal.holds(migrate=row["migrate_rate"], dont_migrate=row["dont_migrate_rate"])
    if rule in scene.published:
        row["published"] = scene.published[rule]
    return row
