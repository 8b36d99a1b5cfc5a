"""The published operating characteristics are those of the code as it is."""

import json
from typing import Any

import numpy as np
import pytest

from tests.bench.oc import main
from tests.bench.oc_docs import FIGURES, PAGE, PICTURE, SUBSET, SUBSET_RUNS, subset, with_tables
from tests.bench.oc_picture import picture
from tests.bench.oc_tables import strips
from tests.simulation.evaluate import run_scene
from tests.simulation.scenes import Scene, scenes
from tests.simulation.worlds import NEVER, Judge, Labels, Tenant, World, simulate


@pytest.fixture(scope="module")
def figures() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads(FIGURES.read_text())
    return found


@pytest.mark.parametrize("scene", subset(), ids=lambda scene: scene.name)
def test_a_world_that_is_run_again_gives_the_committed_figures(scene: Scene, figures: dict[str, list[dict[str, Any]]]) -> None:
    committed = [row for row in figures["subset"] if row["world"] == scene.world.name]
    assert run_scene(scene, SUBSET_RUNS) == committed


def test_the_subset_names_worlds_that_exist() -> None:
    assert len(subset()) == len(SUBSET)


def test_every_world_and_rule_has_a_committed_row_and_every_goal_is_met(figures: dict[str, list[dict[str, Any]]]) -> None:
    wanted = [(s.world.name, s.world.conversations, rule, s.runs) for s in scenes() for rule in s.rules]
    assert [(row["world"], row["conversations"], row["rule"], row["runs"]) for row in figures["rows"]] == wanted
    goals = [
        (scene, row)
        for scene in scenes()
        for row in figures["rows"]
        if scene.goal is not None and row["rule"] == "h1" and _is_of(row, scene)
    ]
    assert len(goals) > 50
    missed = [
        row for scene, row in goals
        if scene.goal is None or not scene.goal.holds(migrate=row["migrate_rate"], dont_migrate=row["dont_migrate_rate"])
    ]  # fmt: skip
    assert missed == []


def test_the_page_and_its_picture_are_made_of_the_committed_figures(figures: dict[str, list[dict[str, Any]]]) -> None:
    assert with_tables(PAGE.read_text(), figures["rows"]) == PAGE.read_text()
    assert picture(strips(figures["rows"])) == PICTURE.read_text()


def test_a_world_is_what_it_says() -> None:
    world = World("as said", 0.47, judge=Judge(bias=0.03), labels=Labels(280, skip_rate=0.1, late_days=3), tenant=Tenant())
    pilots = next(simulate(world, runs=200))
    runs, drawn = pilots.runs, pilots.drawn
    decided = pilots.pair_person != 1
    assert pilots.person_mean.mean() == pytest.approx(0.47, abs=0.005)
    assert pilots.judge_mean.mean() - pilots.person_mean.mean() == pytest.approx(0.03, abs=0.003)
    assert (pilots.pair_judge == pilots.pair_person)[decided].mean() == pytest.approx(0.84, abs=0.01)
    assert (pilots.pair_person == 1).mean() == pytest.approx(0.3, abs=0.003)
    assert len(pilots.place) / runs == pytest.approx(1400, rel=0.01)
    assert drawn.sum() / runs == pytest.approx(280, rel=0.02)
    assert pilots.skipped[drawn].mean() == pytest.approx(0.1, abs=0.01)
    answered = pilots.labelled_day < NEVER
    assert (pilots.labelled_day - pilots.day)[answered].tolist() == [3] * int(answered.sum())
    weekend = np.isin(pilots.day % 7, (5, 6))
    assert weekend.mean() == pytest.approx(0.8 / 5.8, abs=0.003)


def test_pairs_of_one_conversation_are_alike_as_much_as_said() -> None:
    pilots = next(simulate(World("alike", 0.5), runs=200))
    first = pilots.first_pair[pilots.size > 1]
    one, two = pilots.pair_person[first] / 2, pilots.pair_person[first + 1] / 2
    assert np.corrcoef(one, two)[0, 1] == pytest.approx(0.25, abs=0.01)
    assert pilots.person_mean.std() == pytest.approx(0.37, abs=0.01)


def test_a_portion_does_not_depend_on_how_many_runs_are_asked() -> None:
    world = World("the same", 0.45)
    few, many = (next(simulate(world, runs=runs)) for runs in (290, 600))
    assert np.array_equal(few.judge_mean, many.judge_mean)


def test_one_row_can_be_run_alone_and_the_last_line_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--row", "boundary, weekends 6 pp better:1400", "--runs", "20", "--processes", "1"])
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])["rows"]
    promised = (
        "world",
        "rule",
        "conversations",
        "labels",
        "true_win_rate",
        "looks",
        "runs",
        "migrate_rate",
        "dont_migrate_rate",
    )
    assert [row["rule"] for row in rows] == ["h1_without_guard", "h1"]
    assert all(set(promised) <= set(row) and row["runs"] == 20 for row in rows)


def test_a_row_that_does_not_exist_and_a_partial_page_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--row", "no such world"]) == 2
    assert "boundary:700" in capsys.readouterr().err
    assert main(["--quick", "--write-docs"]) == 2


def _is_of(row: dict[str, Any], scene: Scene) -> bool:
    labels = scene.world.labels.planned if scene.world.labels is not None else 0
    return (row["world"], row["conversations"], row["labels"]) == (scene.world.name, scene.world.conversations, labels)
