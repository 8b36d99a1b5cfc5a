"""Data bundles of reports."""

from collections.abc import Iterator
from typing import Annotated, BinaryIO, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from starlette.background import BackgroundTask

from app.api.dependencies import ServicesDep, Viewer
from app.api.reports import ReportId
from app.pipeline.bundles.keeping import export_bundle

router = APIRouter(tags=["reports"])

ZIP = "application/zip"
PIECE_BYTES = 1 << 20
Part = Annotated[
    Literal["parquet", "csv"],
    Query(alias="format", description="parquet = all that the report was computed from; csv = tables for spreadsheets alone."),
]


@router.get(
    "/reports/{report_id}/bundle",
    response_class=StreamingResponse,
    responses={200: {"content": {ZIP: {"schema": {"type": "string", "format": "binary"}}}}},
)
def read_bundle(services: ServicesDep, who: Viewer, report_id: ReportId, part: Part = "parquet") -> StreamingResponse:
    """The data bundle of a report as one zip file; it holds no text of production.

    Weekly and final reports keep theirs. Of another one it is made at the first request, and refused once the evidence has
    changed. `./run pilot reproduce FILE` computes every figure again from it.
    """
    found = export_bundle(services.session_factory, report_id, part=part, by=who.name)
    headers = {
        "Content-Disposition": f'attachment; filename="{found.file_name}"',
        "Content-Length": str(found.bytes),
        "X-Content-Type-Options": "nosniff",
        "X-Content-Hash": found.content_hash,
    }
    return StreamingResponse(
        _pieces(found.stream), media_type=ZIP, headers=headers, background=BackgroundTask(found.stream.close)
    )


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    while piece := stream.read(PIECE_BYTES):
        yield piece
