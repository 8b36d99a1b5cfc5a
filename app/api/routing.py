"""Routing: where each kind of work goes by the present verdict."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel

from app.api.dependencies import ServicesDep, Viewer
from app.domain.routing import routing_document
from app.domain.routing_table import RoutingTable
from app.pipeline.routing import routing_of_pilots
from app.pipeline.routing_export import export_routing, litellm_configuration
from app.store.pilots import get_pilot, list_pilots
from app.store.session import session_scope

router = APIRouter(tags=["routing"])

YAML = "application/yaml"
Candidate = Annotated[
    str | None, Query(description="Whose; default: the only candidate, or the only one that something moves to.")
]
Format = Annotated[Literal["json", "litellm"], Query(alias="format", description="litellm = a file for the LiteLLM proxy.")]


@router.get(
    "/pilots/{name}/routing", response_model=RoutingTable, responses={200: {"content": {YAML: {"schema": {"type": "object"}}}}}
)
def read_routing(
    name: str, services: ServicesDep, _: Viewer, candidate: Candidate = None, format_name: Format = "json"
) -> RoutingTable | Response:
    """Where each kind of work goes by the verdict up to the last closed day; with EXTEND or DONT_MIGRATE nothing moves."""
    table = export_routing(services.session_factory, name, candidate)
    if format_name == "json":
        return table
    with session_scope(services.session_factory) as session:
        configuration = get_pilot(session, name).configuration
    return Response(litellm_configuration(table, configuration), media_type=YAML)


class GatewayFile(BaseModel):
    """What the gateway's file `routing.json` says: names and addresses, no secret."""

    version: int
    default: str | None
    pilots: dict[str, dict[str, Any]]


@router.get("/gateway-routing", response_model=GatewayFile)
def read_gateway_file(services: ServicesDep, _: Viewer) -> GatewayFile:
    """Where the gateway sends what now, for gateways that share no folder with the API (`deploy/kubernetes`)."""
    with services.session_factory() as session:
        return GatewayFile.model_validate(routing_document(routing_of_pilots(list_pilots(session))))
