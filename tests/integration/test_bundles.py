"""Data bundles of reports: from them alone every figure is computed again, and a changed byte is named."""

from pathlib import Path

from app.domain.report import ReportKind
from app.pipeline.bundles.keeping import export_bundle
from app.pipeline.bundles.reproducing import reproduce
from app.pipeline.reporting import make_report
from app.store.session import SessionFactory, session_scope
from tests.integration.scorecard_pilots import spread, started
from tests.integration.scorecard_rows import NOW


def exported(factory: SessionFactory, number: int, part: str = "parquet") -> bytes:
    found = export_bundle(factory, number, part=part, by="test")
    with found.stream as stream:
        return stream.read()


def test_a_kept_bundle_gives_every_figure_again(session_factory: SessionFactory, tmp_path: Path) -> None:
    with session_scope(session_factory) as session:
        started(session, [*spread(120, labels=30), *spread(60, segment="other", prefix="x")])
    number = make_report(session_factory, "support-bot", NOW, kind=ReportKind.FINAL)
    content = exported(session_factory, number)
    path = tmp_path / "bundle.zip"
    path.write_bytes(content)
    found = reproduce(path)
    assert [(name, part.differences) for name, part in found.parts.items() if not part.is_same] == []
    assert found.is_same
