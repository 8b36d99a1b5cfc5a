"""The pages of reports: all of a pilot, making one, one as it was made, and its files."""

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.dashboard.forms import Form
from app.dashboard.frame import pilot_page
from app.dashboard.places import pilot_address
from app.dashboard.responses import REPORT_POLICY
from app.dashboard.views import ReportLine, report_line
from app.dashboard.visitors import Door
from app.domain.report import ReportKind, StoredReport
from app.errors import InvalidInput, Problem
from app.pipeline.reporting import view_report
from app.pipeline.weekly import make_asked_report
from app.pipeline.weekly_due import newest_slot, period_of
from app.reports import figures
from app.reports.html import render_html
from app.reports.pack.sections import whole_sections
from app.reports.rendering import FORMATS, render
from app.store.pilots import get_pilot
from app.store.reports import list_reports
from app.store.weekly_reports import weekly_report_of

KINDS = {ReportKind.ON_DEMAND: "on demand", ReportKind.WEEKLY: "weekly", ReportKind.FINAL: "final"}
FORMAT_WORDS = {
    "html": "Web page", "md": "Markdown", "json": "JSON", "pdf": "PDF", "pptx": "Slides", "xlsx": "Workbook", "zip": "All files"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A report in the list of all."""

    line: ReportLine
    kind: str
    made_by: str
    holds_until: str
    is_expired: bool
    data_hash: str


def add_reports_page(router: APIRouter, door: Door) -> None:
    """Adds the pages."""
    pages = ReportsPage(door)
    for address, method, endpoint in (
        ("/pilots/{name}/reports", "GET", pages.show),
        ("/pilots/{name}/reports", "POST", pages.make),
        ("/reports/{report_id:number}", "GET", pages.report),
        ("/reports/{report_id:number}/download", "GET", pages.download),
    ):
        router.add_api_route(
            address, endpoint, methods=[method], response_class=HTMLResponse, name=f"reports_page_{endpoint.__name__}"
        )


@dataclass(frozen=True, slots=True)
class ReportsPage:
    """The endpoints."""

    door: Door

    def show(self, request: Request, name: str) -> Response:
        """All reports of a pilot, newest first, with their files; and a form that makes one."""
        visitor, now = self.door.visitor(request), datetime.now(UTC)
        with self.door.session_factory() as session:
            pilot = get_pilot(session, name)
            stored = list_reports(session, pilot.id)
            table, timezone = pilot.configuration.report, pilot.configuration.pilot.timezone
            slot = newest_slot(table, timezone, now)
            has_week = slot is None or weekly_report_of(session, pilot.id, period_of(slot, timezone)) is not None
        return pilot_page(
            "reports.html",
            self.door,
            visitor,
            pilot,
            "reports",
            title="Reports",
            rows=[_row(report, timezone, now) for report in stored],
            formats=[(each, FORMAT_WORDS.get(each, each.upper())) for each in FORMATS],
            report_table=table,
            kinds=[(kind.value, words) for kind, words in KINDS.items() if kind is not ReportKind.WEEKLY or not has_week],
        )

    def make(self, request: Request, name: str, form: Form) -> Response:
        """Freezes what is known now as a report, and shows it."""
        visitor = self.door.operator(request, form)
        kind = _kind(form.get("kind", ReportKind.ON_DEMAND.value))
        made = make_asked_report(
            self.door.session_factory, name, datetime.now(UTC), by=visitor.principal.name, kind=kind, publish=self.door.publish
        )
        return RedirectResponse(f"/reports/{made}", 303)

    def report(self, request: Request, report_id: int) -> Response:
        """A report as it was made."""
        visitor = self.door.visitor(request)
        view = view_report(self.door.session_factory, report_id, visitor.principal)
        home = pilot_address(view.document.summary.pilot, "reports")
        text = render_html(view.document, sections=whole_sections(view), home=home)
        return HTMLResponse(text, headers={"Content-Security-Policy": REPORT_POLICY})

    def download(self, request: Request, report_id: int) -> Response:
        """A report as a file; texts of pairs only for who may read them."""
        visitor = self.door.visitor(request)
        name = request.query_params.get("format", "html")
        view = view_report(self.door.session_factory, report_id, visitor.principal)
        rendered = render(view, name)
        summary = view.document.summary
        file_name = quote(f"{summary.pilot}-report-{report_id}-day-{summary.day}.{name}", safe="")
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{file_name}",
            "Content-Security-Policy": REPORT_POLICY,
        }
        return Response(rendered.content, media_type=rendered.media_type, headers=headers)


def _kind(text: str) -> ReportKind:
    try:
        return ReportKind(text)
    except ValueError:
        message = f"there is no report kind {text[:50]!r}; there are: {', '.join(kind.value for kind in ReportKind)}"
        raise InvalidInput(message, (Problem(message, field="kind"),)) from None


def _row(stored: StoredReport, timezone: str, now: datetime) -> ReportRow:
    origin = stored.provenance
    kind = f"{KINDS[origin.kind]}, {origin.period}" if origin.period else KINDS[origin.kind]
    expires = origin.expires_at
    return ReportRow(
        line=report_line(stored, timezone),
        kind=kind,
        made_by=origin.by,
        holds_until=figures.NOTHING if expires is None else figures.local_time(expires, timezone).partition(",")[0],
        is_expired=expires is not None and expires <= now,
        data_hash=stored.data_hash,
    )
