"""All pages as one router."""

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from app.dashboard.account_page import add_account_page
from app.dashboard.alerts_page import add_alerts_page
from app.dashboard.assets import ROUTE, asset
from app.dashboard.audit_page import add_audit_page
from app.dashboard.bundle_page import add_bundle_page
from app.dashboard.capacity_page import add_capacity_page
from app.dashboard.coverage_page import add_coverage_page
from app.dashboard.decision_page import add_decision_page
from app.dashboard.hours import add_hours_pages
from app.dashboard.keys_page import add_keys_page
from app.dashboard.labelling import add_labelling_pages
from app.dashboard.latency_page import add_latency_page
from app.dashboard.money_page import add_money_page
from app.dashboard.numbers import register_numbers
from app.dashboard.overview_page import add_overview_pages
from app.dashboard.page_roles import check_roles
from app.dashboard.pairs_pages import add_pairs_pages
from app.dashboard.people_page import add_people_page
from app.dashboard.quality_page import add_quality_page
from app.dashboard.reliability_page import add_reliability_page
from app.dashboard.reports_page import add_reports_page
from app.dashboard.responses import page_route
from app.dashboard.segments_page import add_segments_page
from app.dashboard.sessions import Signer
from app.dashboard.settings_page import add_settings_page
from app.dashboard.sign_in_page import SignInPage, add_sign_in_page
from app.dashboard.visitors import Door
from app.pipeline.labelling.answering import Desk
from app.pipeline.people_sign_in import SignIns
from app.store.session import Publish, SessionFactory

PLACES = (
    add_overview_pages,
    add_reports_page,
    add_quality_page,
    add_segments_page,
    add_latency_page,
    add_reliability_page,
    add_capacity_page,
    add_money_page,
    add_pairs_pages,
    add_coverage_page,
    add_decision_page,
    add_bundle_page,
    add_alerts_page,
    add_settings_page,
    add_sign_in_page,
    add_account_page,
    add_people_page,
    add_keys_page,
    add_audit_page,
)


def make_pages_router(
    *, session_factory: SessionFactory, pepper: str, publish: Publish | None = None, sign_ins: SignIns | None = None
) -> APIRouter:
    """The routes of all pages, to be included in the web process.

    Args:
        session_factory: Sessions on the store.
        pepper: The secret under which API keys are digested; cookies are signed under one derived from it.
        publish: Sends jobs to the workers; `None` = rows ask for them, and the sweep finds them.
        sign_ins: How people sign in; default: sessions, limits and hashes as the settings have them by default.
    """
    register_numbers()
    door = Door(session_factory, pepper, Signer(pepper), sign_ins or SignIns(session_factory, pepper), publish)
    router = APIRouter(include_in_schema=False, route_class=page_route(SignInPage(door).instead))
    router.add_api_route(ROUTE, asset, methods=["GET"], response_class=HTMLResponse, name="page_asset")
    for add in PLACES:
        add(router, door)
    add_hours_pages(router, door)
    add_labelling_pages(router, door, Desk.of(session_factory, pepper))
    return check_roles(router)
