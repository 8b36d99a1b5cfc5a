"""How far a judge of the panel agrees with the judge."""

from dataclasses import replace

import numpy as np
import pytest

from app.domain.configuration import PilotConfiguration
from app.domain.evidence import GradeColumns, words
from app.pipeline.conversations import PairValues
from app.pipeline.judge_panel import panel_figures, panel_of
from tests.unit.pipeline.made_evidence import Made, made

FREE = {"input_usd_per_million_tokens": 0, "output_usd_per_million_tokens": 0}
CONFIGURATION = PilotConfiguration.model_validate(
    {
        "pilot": {"name": "p"},
        "incumbent": {"base_url": "http://i/v1", "model": "i"},
        "candidate": [{"name": "c", "base_url": "http://c/v1", "model": "c"}],
        "judge": {"base_url": "http://j/v1", "model": "j", **FREE},
        "judge_panel": [{"name": "second", "base_url": "http://k/v1", "model": "k", **FREE}],
    }
)


def columns(values: list[float | None]) -> GradeColumns:
    (panel,) = panel_of(CONFIGURATION)
    n = len(values)
    numbers = np.array([np.nan if value is None else value for value in values])
    return GradeColumns(
        rows=np.arange(n),
        graders=words(["judge"] * n),
        raters=words(["second"] * n),
        shown_first=words(["incumbent"] * n),
        values=numbers,
        ungraded=words(["unparsed" if value is None else None for value in values]),
        is_imported=np.zeros(n, dtype=bool),
        graded_us=np.zeros(n, dtype=np.int64),
        versions=words([panel.version] * n),
    )


def test_agreement_and_the_direction_of_disagreement() -> None:
    judges = [1.0, 1.0, 1.0, 0.0, 0.0, 0.5]
    panels = [1.0, 0.0, 0.0, 1.0, 0.0, 0.5]
    found = made([Made(f"c-{number}", value) for number, value in enumerate(judges)])
    arm = replace(found.arm, grades=columns([*panels]))
    pairs: PairValues = found.pairs
    (panel,) = panel_figures(CONFIGURATION, arm, pairs, found.talks)
    assert (panel.name, panel.model, panel.pairs, panel.ungraded) == ("second", "k", 6, 0)
    assert panel.agreement_rate.value == pytest.approx(3 / 6)
    assert (panel.judge_better_panel_worse, panel.judge_worse_panel_better) == (2, 1)
    assert panel.win_rate_difference.value == pytest.approx(np.mean(panels) - np.mean(judges))
    assert panel.kappa.n == 5
    assert panel.kappa.value == pytest.approx(-0.1538, abs=1e-3)


def test_pairs_that_only_one_of_them_graded_say_nothing() -> None:
    found = made([Made("c-0", 1.0), Made("c-1", None), Made("c-2", 1.0, judged=False)])
    arm = replace(found.arm, grades=columns([None, 1.0, 0.0]))
    (panel,) = panel_figures(CONFIGURATION, arm, found.pairs, found.talks)
    assert (panel.pairs, panel.ungraded) == (0, 1)
    assert panel.agreement_rate.value is None
