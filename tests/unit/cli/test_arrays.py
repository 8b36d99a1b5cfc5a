"""An export that is one JSON array leaves as lines."""

import json
from pathlib import Path

import pytest

from parallel_pilot.cli.arrays import opened_as_lines
from parallel_pilot.cli.errors import CommandFailed


def test_an_array_becomes_lines_and_lines_stay(tmp_path: Path) -> None:
    records = [{"a": 1.5, "text": "ä\n"}, {"b": None}]
    file = tmp_path / "export.json"
    file.write_text("\ufeff \n" + json.dumps(records, indent=2))
    with opened_as_lines(file) as source:
        source.seek(0)
        assert [json.loads(line) for line in source] == records
    file.write_text('{"a": 1}\n{"b": 2}\n')
    with opened_as_lines(file) as source:
        assert source.read() == b'{"a": 1}\n{"b": 2}\n'


@pytest.mark.parametrize(
    ("text", "line"), [(b'[\n{"a": 1},\nx]', 3), (b'[{"a": "\xff"}]', 1), (b"[NaN]", None), (b"[" * 99999, None)]
)
def test_a_broken_array_is_named(text: bytes, line: int | None, tmp_path: Path) -> None:
    file = tmp_path / "export.json"
    file.write_bytes(text)
    with pytest.raises(CommandFailed) as failed, opened_as_lines(file):
        pass
    assert [problem.line for problem in failed.value.problems] == [line]
