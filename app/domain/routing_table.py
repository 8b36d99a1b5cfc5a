"""Where each kind of work goes by a verdict: for whoever routes production. It names variables that hold keys, never a key."""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

from datetime import datetime

from app.domain.estimate_models import Model
from app.domain.words import Outcome

TABLE_VERSION = 1


class RoutedArm(Model):
    """A model server; `api_key_env` is the environment variable with its key, "" = none is named in `pilot.toml`."""

    model: str
    base_url: str
    api_key_env: str = ""
    server: str = "openai"
    timeout_seconds: float | None = None
    max_concurrency: int | None = None


class Route(Model):
    """One kind of work and the arm that it goes to; the first whose `match` fits decides, `match` None = all that is left."""

    segment: str
    arm: str
    match: dict[str, str] | None = None
    model: str
    base_url: str
    api_key_env: str = ""


class RoutingTable(Model):
    """All routes, in the order in which they are tried; `moves` = at least one goes to the candidate.

    `may_fall_back`: whether the incumbent may answer what the candidate cannot; not where data must stay.
    """

    version: int = TABLE_VERSION
    pilot: str
    candidate: str
    outcome: Outcome
    final: bool = False
    as_of: datetime | None = None
    data_hash: str = ""
    moves: bool = False
    may_fall_back: bool = True
    words: str = ""
    arms: dict[str, RoutedArm] = {}
    routes: list[Route] = []
