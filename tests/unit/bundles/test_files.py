"""Every column of evidence comes back to the last bit, people's names do not; tables are safe in a spreadsheet."""

import io
import json
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.domain.evidence import LiveColumns, floats, words
from app.domain.findings import FindingColumns
from app.domain.pilot import Arm, Pilot, Registration
from app.domain.rubric_columns import ScoreColumns
from app.domain.words import ArmRole, PilotState
from app.pipeline.bundles.columns import read_columns, write_columns
from app.pipeline.bundles.evidence_files import evidence_files, folder_of, read_evidence_files, with_nameless_raters
from app.pipeline.bundles.exact import NotExact
from app.pipeline.bundles.sheets import Sheet, write_sheet
from app.pipeline.bundles.writing import told_labels, without_secrets
from app.pipeline.confusions import with_confusions
from app.pipeline.scorecard_inputs import Stored
from app.store.confusions import LabelCount
from app.store.evidence import Spend
from tests.builders import a_configuration
from tests.unit.pipeline.made_evidence import Grade, Label, Made, live_with_control, made
from tests.unit.reports.examples import SCORECARDS

NOW = datetime(2026, 9, 7, tzinfo=UTC)
ROWS = [
    Made("c-1", labels=(Label(1.0, rater="Zoë"), Label(None, rater="Ada")), grades=(Grade(0.0), Grade(None, "qwen"))),
    Made("c-2", value=None, tokens=None, turn=2.0, failed=True),
    Made("=c", segment="sum|mary", labels=(Label(0.5, None, critical=True, rater="Mia"),)),
]


def a_pilot() -> Pilot:
    named = a_configuration(notify={"webhook_url": "https://hooks.example.com/T00/SECRET"})
    names = (("incumbent", ArmRole.INCUMBENT), ("qwen", ArmRole.CANDIDATE), ("../x y", ArmRole.CONTROL))
    arms = tuple(Arm(number, name, role, "m") for number, (name, role) in enumerate(names, start=1))
    return Pilot(1, "p", PilotState.RUNNING, named, arms, NOW, 0, True, False, True, NOW, NOW, None)


def everything() -> Stored:
    evidence, many = made(ROWS).evidence, len(ROWS)
    live = replace(
        live_with_control(evidence),
        users=words(["u", None, "u"]),
        skipped={"qwen": words(["shed", "", ""])},
        queue_lag_seconds={"qwen": floats([0.1, None, -0.0]), "../x y": floats([None] * many)},
    )
    met = np.array([[0.0, 1.0], [0.1, np.nan], [1.0, 1.0]])
    numbers = np.array([1, 0, 2**62], dtype=np.int64)
    return Stored(
        pilot=a_pilot(), hours=(), spend=Spend(0, ()), changes=(),  # type: ignore[arg-type]
        registration=Registration("h", {"configuration": {"notify": {"webhook_url": "https://a.b/SECRET"}}}, NOW),
        evidence=replace(evidence, live=live), paid_grades=3, cuts={"qwen": numbers[:2]},
        findings={"qwen": FindingColumns(numbers, numbers, numbers, {1: ("a", "b")})},
        scores={("rubric:x", "qwen"): ScoreColumns(met[:, 0] > 0, floats([1.0, None, 0.5]), floats([0, 1, 2]), met)},
    )  # fmt: skip


def same(one: Any, other: Any) -> bool:
    """To the last bit: NaN is NaN, -0.0 is not 0.0."""
    if is_dataclass(one):
        return all(same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(each, other[name]) for name, each in one.items())
    if isinstance(one, np.ndarray):
        is_same_kind = one.dtype == other.dtype and one.shape == other.shape
        return bool(
            is_same_kind and (one.tolist() == other.tolist() if one.dtype == object else one.tobytes() == other.tobytes())
        )
    return bool(one == other)


def test_all_columns_come_back_to_the_last_bit() -> None:
    stored = everything()
    files = {}
    for path, columns in evidence_files(stored):
        stream = io.BytesIO()
        write_columns(columns, stream)
        again = io.BytesIO()
        write_columns(columns, again)
        assert stream.getvalue() == again.getvalue()
        files[path] = stream.getvalue()
    labels = {name: found.labels for name, found in stored.findings.items()}
    found = read_evidence_files(
        stored.pilot, lambda path: read_columns(files[path], path), frozenset(files), labels, tuple(stored.scores)
    )
    assert all(same(getattr(stored, name), getattr(found, name)) for name in ("evidence", "findings", "scores", "cuts"))
    assert all(path.startswith("evidence/") and ".." not in path for path in files)


def test_an_arms_folder_is_a_plain_name() -> None:
    assert [folder_of(a_pilot(), arm) for arm in a_pilot().arms] == [
        "evidence/1-incumbent",
        "evidence/2-qwen",
        "evidence/3-x-y",
    ]


def test_people_are_numbers_in_the_order_of_their_names() -> None:
    found = with_nameless_raters(everything().evidence)
    assert found.arms["qwen"].labels.raters.tolist() == ["rater-3", "rater-1", "rater-2"]
    assert isinstance(found.live, LiveColumns)
    assert found.live.control is not None
    assert found.live.control.labels.raters.tolist() == ["rater-3", "rater-1", "rater-2"]


def test_an_address_of_messages_is_told_by_its_host_alone() -> None:
    told = without_secrets(everything())
    assert told.pilot.configuration.notify.webhook_url == "https://hooks.example.com"
    assert told.registration is not None
    assert "SECRET" not in json.dumps(told.registration.document)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"a": np.zeros((2, 2))}, "2 dimensions"), ({"a": np.zeros(2, dtype=np.float32)}, "float32"),
        ({"a": np.array(["x", None], dtype=object)}, "a missing word is ''"),
    ],
)  # fmt: skip
def test_a_column_that_would_lose_something_is_not_written(columns: dict[str, Any], said: str) -> None:
    with pytest.raises(NotExact, match=said):
        write_columns(columns, io.BytesIO())


def test_a_file_that_is_no_parquet_is_named() -> None:
    with pytest.raises(NotExact, match=r"^evidence/x.parquet: "):
        read_columns(b"PAR1 and more bytes than twelve", "evidence/x.parquet")


def test_a_cell_is_no_formula_and_the_unknown_is_empty(tmp_path: Path) -> None:
    columns = {"=id": words(["=1+1", "-2", "a,\"b\"", "@x"]), "x": floats([0.1 + 0.2, None, -1.0, 2.0])}  # fmt: skip
    with (tmp_path / "x.csv").open("wb") as stream:
        write_sheet(Sheet("x.csv", columns, 4), stream)
    lines = (tmp_path / "x.csv").read_bytes().decode().split("\r\n")
    assert lines == ["'=id,x", "'=1+1,0.30000000000000004", "'-2,", '"a,""b""",-1.0', "'@x,2.0", ""]


def test_sentences_in_place_of_labels_are_not_in_a_bundle_and_the_same_table_comes_of_it() -> None:
    counts = [
        LabelCount(2, "chat", 1, "approve", "approve", 9), LabelCount(2, "chat", 1, "approve", "dear ms miller, no", 1),
        LabelCount(2, "chat", 1, "dear ms miller, no", None, 1), LabelCount(2, "chat", 2, "\U0001f600", "deny", 4),
    ]  # fmt: skip
    card = next(iter(SCORECARDS.values()))()
    name, candidate = next(iter(card.candidates.items()))
    segment = next(iter(candidate.segments.values()))
    told = with_confusions({"chat": segment}, counts, arm_id=2, days=[1, 2])
    card = card.model_copy(update={"candidates": {name: candidate.model_copy(update={"segments": told})}})
    written = told_labels(counts, card)
    assert "miller" not in str(written)
    assert with_confusions({"chat": segment}, written, arm_id=2, days=[1, 2]) == told
