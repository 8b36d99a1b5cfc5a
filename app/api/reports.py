"""Reports: make one, list them, read one in a format."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.dependencies import Operator, ServicesDep, Viewer
from app.domain.report import ReportKind, StoredReport
from app.domain.words import Outcome
from app.pipeline.reporting import view_report
from app.pipeline.weekly import make_asked_report
from app.reports.document import Document, Summary
from app.reports.html import content_security_policy
from app.reports.rendering import FORMATS, render
from app.store.pilots import get_pilot
from app.store.reports import LARGEST_ID, get_report, list_reports
from app.store.session import session_scope

router = APIRouter(tags=["reports"])

ReportId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
CONTENT = {
    media_type: {"schema": {"type": "object" if media_type == "application/json" else "string"}}
    for media_type in (each.media_type.split(";")[0] for each in FORMATS.values())
}


class ReportWanted(BaseModel):
    """Which report is to be made; without a body one on demand."""

    model_config = ConfigDict(extra="forbid")

    kind: ReportKind = Field(
        default=ReportKind.ON_DEMAND,
        description="`weekly` is this week's, refused where it is there; `final` has evidence pairs.",
    )
    examples: bool = Field(default=False, description="Whether one on demand shows pairs, too, with their masked texts.")
    bundle: bool = Field(default=False, description="Whether one on demand keeps its data bundle, as the others do.")


class ReportBody(BaseModel):
    """A frozen report: it never changes, whatever is imported or graded later."""

    id: int
    pilot: str
    made_at: datetime
    data_hash: str = Field(description="SHA-256 of what it was made from; two reports with the same say the same.")
    as_of: datetime | None = Field(description="End of the last closed day that counts; null = no day is closed yet.")
    day: int
    days: int
    verdicts: dict[str, Outcome] = Field(description="By candidate.")
    formats: list[str] = Field(description="What `format` may be.")
    kind: ReportKind
    period: str = Field(description="The week of a weekly one, as `2026-W48`; else empty.")
    made_by: str
    expires_at: datetime | None = Field(description="After it the verdict is to be looked at again; null = nobody said.")


@router.post("/pilots/{name}/reports", status_code=201)
def create_report(services: ServicesDep, who: Operator, name: str, wanted: ReportWanted | None = None) -> ReportBody:
    """Freezes what is known now, up to the last closed day."""
    asked = wanted or ReportWanted()
    made = make_asked_report(
        services.session_factory,
        name,
        datetime.now(UTC),
        by=who.name,
        kind=asked.kind,
        examples=asked.examples,
        bundle=asked.bundle,
        publish=services.publish,
    )
    with session_scope(services.session_factory) as session:
        stored = get_report(session, made)
    return _body(stored, Document.model_validate(stored.document).summary)


@router.get("/pilots/{name}/reports")
def list_pilot_reports(services: ServicesDep, _: Viewer, name: str) -> list[ReportBody]:
    """All reports of a pilot, newest first."""
    with session_scope(services.session_factory) as session:
        found = list_reports(session, get_pilot(session, name).id)
    return [_body(stored, Summary.model_validate(stored.document)) for stored in found]


@router.get("/reports/{report_id}", response_class=Response, responses={200: {"content": CONTENT}})
def read_report(
    services: ServicesDep,
    who: Viewer,
    report_id: ReportId,
    format_name: Annotated[str, Query(alias="format", description=f"One of: {', '.join(FORMATS)}.")] = "html",
) -> Response:
    """A report as it was made, in one of its formats; texts of pairs only for keys that may read them."""
    rendered = render(view_report(services.session_factory, report_id, who), format_name)
    headers = {"Content-Security-Policy": content_security_policy(), "X-Content-Type-Options": "nosniff"}
    return Response(rendered.content, media_type=rendered.media_type, headers=headers)


def _body(stored: StoredReport, summary: Summary) -> ReportBody:
    return ReportBody(
        id=stored.id,
        pilot=stored.pilot,
        made_at=stored.made_at,
        data_hash=stored.data_hash,
        as_of=summary.as_of,
        day=summary.day,
        days=summary.days,
        verdicts={answer.candidate: answer.outcome for answer in summary.answers},
        formats=list(FORMATS),
        kind=stored.provenance.kind,
        period=stored.provenance.period,
        made_by=stored.provenance.by,
        expires_at=stored.provenance.expires_at,
    )
