"""Data bundles of reports: from them alone every figure is computed again, and a changed byte is named."""

import io
import json
import os
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from app.domain.report import ReportKind
from app.domain.words import Role
from app.errors import Conflict
from app.pipeline.bundles import keeping
from app.pipeline.bundles.keeping import export_bundle
from app.pipeline.bundles.reading import Damaged
from app.pipeline.bundles.reproducing import reproduce
from app.pipeline.reporting import make_report
from app.store.pilots import get_pilot
from app.store.report_files import has_file
from app.store.session import SessionFactory, session_scope
from tests.api import an_api
from tests.integration.scorecard_pilots import spread, started
from tests.integration.scorecard_rows import NOW, START, Row, both, store_rows

ROOT = Path(__file__).resolve().parents[2]
# Another machine, as far as one can be played: zone, language, hashing, threads, and what its processor knows.
ELSEWHERE = {
    "TZ": "Asia/Kathmandu",
    "LC_ALL": "tr_TR.UTF-8",
    "PYTHONHASHSEED": "77",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENBLAS_CORETYPE": "Nehalem",
    "POLARS_MAX_THREADS": "1",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}


def exported(factory: SessionFactory, number: int) -> bytes:
    found = export_bundle(factory, number, part="parquet", by="test")
    with found.stream as stream:
        content = stream.read()
    assert len(content) == found.bytes
    return content


@pytest.fixture
def pilot(session_factory: SessionFactory) -> str:
    segments = [{"name": "extraction"}, {"name": "chat"}, {"name": "by summary"}]
    with session_scope(session_factory) as session:
        rows = [*spread(120, labels=60, segment="extraction"), *spread(100, segment="by summary"), *spread(40, segment="chat")]
        return started(session, rows, segment=segments, notify={"webhook_url": "https://hooks.example.com/SECRET"}).name


def test_another_machine_computes_every_figure_of_a_final_report_again(
    session_factory: SessionFactory, pilot: str, tmp_path: Path
) -> None:
    number = make_report(session_factory, pilot, NOW, kind=ReportKind.FINAL)
    content = exported(session_factory, number)
    assert content == exported(session_factory, number)
    path = tmp_path / "bundle.zip"
    path.write_bytes(content)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | ELSEWHERE
    command = [sys.executable, "-m", "app.stack.reproduce", str(path), "--json"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, check=False)
    told = json.loads(done.stdout)
    assert (done.returncode, told["outcome"], told["is_same_program"]) == (0, "same", True), told["parts"]
    assert {name: part["different"] for name, part in told["parts"].items()} == {"scorecard": 0, "document": 0}
    assert told["parts"]["scorecard"]["numbers"] > 500
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        labels = pl.read_parquet(opened.read("evidence/2-qwen/labels.parquet"))
        assert set(labels["raters"].cast(pl.String)) == {"rater-1"}
        everything = b"".join(opened.read(name) for name in opened.namelist())
    assert b"SECRET" not in everything
    _check_damage(path, content)


def _check_damage(path: Path, content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        place = opened.getinfo("evidence/2-qwen/pairs.parquet").header_offset + 200
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    with pytest.raises(Damaged) as raised:
        reproduce(path)
    assert [each.path for each in raised.value.findings] == ["evidence/2-qwen/pairs.parquet"]


def _check_sheets(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        names = opened.namelist()
        exchanges = pl.read_csv(opened.read("csv/exchanges.csv"))
    assert {name.split("/")[0] for name in names} == {"csv", "README.md", "MANIFEST.json"}
    assert exchanges.height == 260
    assert {"exchange_id", "day", "is_counted", "incumbent: outcome", "qwen: total_seconds"} <= set(exchanges.columns)


def test_a_report_on_demand_gets_its_bundle_while_the_evidence_says_the_same(
    session_factory: SessionFactory, pilot: str, tmp_path: Path
) -> None:
    early, late, kept = (
        make_report(session_factory, pilot, NOW + timedelta(minutes=number), bundle=number > 1) for number in range(3)
    )
    content = exported(session_factory, early)
    with session_scope(session_factory) as session:
        store_rows(session, get_pilot(session, pilot), [Row(START + timedelta(days=3), name="new", said=both(0.0))])
    assert exported(session_factory, early) == content
    assert zipfile.is_zipfile(io.BytesIO(exported(session_factory, kept)))
    with pytest.raises(Conflict, match=r"report 2 has no data bundle.*production requests: 260 then, 261 now"):
        exported(session_factory, late)
    with an_api(session_factory, tmp_path, role=Role.VIEWER) as api:
        answer = api.get(f"/api/v1/reports/{early}/bundle?format=csv")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
        assert answer.headers["content-disposition"] == 'attachment; filename="support-bot-report-1-csv.zip"'
        _check_sheets(answer.content)
        assert api.get(f"/api/v1/reports/{early}/bundle?format=xml").status_code == 422
        assert api.get("/api/v1/reports/99/bundle").status_code == 404


def test_weekly_bundles_say_their_week_and_only_the_newest_are_kept(
    session_factory: SessionFactory, pilot: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "NEWEST_KEPT", 1)
    made = [
        make_report(session_factory, pilot, NOW + timedelta(days=7 * week), kind=ReportKind.WEEKLY, period=f"2026-W{week}")
        for week in (1, 2)
    ]
    with session_scope(session_factory) as session:
        assert [has_file(session, number, keeping.BODY) for number in made] == [False, True]
    (tmp_path / "b.zip").write_bytes(exported(session_factory, made[1]))
    assert [part.differences for part in reproduce(tmp_path / "b.zip").parts.values() if not part.is_same] == []
    with pytest.raises(Conflict, match="newest 1 keep theirs"):
        exported(session_factory, made[0])
