"""A report's data bundle as a download for people; programs take it from the API."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from fastapi import APIRouter
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.dashboard.visitors import Door
from app.errors import InvalidInput, Problem
from app.pipeline.bundles.keeping import ONLY_SHEETS, WHOLE, export_bundle

PIECE_BYTES = 1 << 20


def add_bundle_page(router: APIRouter, door: Door) -> None:
    """Adds the download."""
    router.add_api_route(
        "/reports/{report_id:number}/bundle",
        BundlePage(door).give,
        methods=["GET"],
        response_class=Response,
        name="bundle_page",
    )


@dataclass(frozen=True, slots=True)
class BundlePage:
    """The endpoint."""

    door: Door

    def give(self, request: Request, report_id: int, part: str = WHOLE) -> Response:
        """All of it (`part=parquet`), or only the tables for spreadsheets (`part=csv`)."""
        visitor = self.door.visitor(request)
        if part not in (WHOLE, ONLY_SHEETS):
            message = f"no part {part!r}; there are: {WHOLE}, {ONLY_SHEETS}"
            raise InvalidInput(message, (Problem(message, field="part"),))
        found = export_bundle(self.door.session_factory, report_id, part=part, by=visitor.principal.name)
        headers = {
            "Content-Disposition": f'attachment; filename="{found.file_name}"',
            "Content-Length": str(found.bytes),
        }
        closing = BackgroundTask(found.stream.close)
        return StreamingResponse(_pieces(found.stream), media_type="application/zip", headers=headers, background=closing)


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    while piece := stream.read(PIECE_BYTES):
        yield piece
