"""`./run pilot reproduce` and files that are no bundle, no whole one, or a changed one."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.domain.report import StoredReport
from app.pipeline.bundles.container import MANIFEST, Packing
from app.pipeline.bundles.manifest import library_versions, manifest_of, write_manifest
from app.stack.reproduce import main

REPORT = StoredReport(7, "support-bot", datetime(2026, 11, 21, tzinfo=UTC), "d" * 64, {})


def a_bundle(part: str) -> bytes:
    stream = io.BytesIO()
    packing = Packing(stream)
    packing.add("inputs.json", b'{"version": 1}')
    manifest = manifest_of(REPORT, packing.close(), library_versions(), part=part)
    later = Packing(stream)
    later.add(MANIFEST, write_manifest(manifest), packed=False)
    later.close()
    return stream.getvalue()


WHOLE = a_bundle("all")


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (b"", 2, "it cannot be read as a zip"),
        (b"PK and so on", 2, "it cannot be read as a zip"),
        (a_bundle("csv"), 2, "holds only the part 'csv'"),
        (WHOLE, 2, "cannot read what the bundle holds"),
        (WHOLE.replace(b"support-bot", b"support-cat"), 2, "damaged where it says what is in it: MANIFEST.json: Bad CRC-32"),
        (WHOLE + b"\0", 1, "its end"),
        (WHOLE[:40] + b"\0" + WHOLE[41:], 1, "inputs.json"),
    ],
)
def test_what_is_wrong_is_said_and_the_exit_code_tells_it_apart(
    content: bytes, code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(content)
    assert main([str(path)]) == code
    printed = capsys.readouterr()
    assert said in printed.out + printed.err
    assert main([str(path), "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert told["outcome"] == ("damaged" if code == 1 else "no_bundle")


def test_a_file_that_is_not_there_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.zip")]) == 2
    assert "No such file" in capsys.readouterr().err
