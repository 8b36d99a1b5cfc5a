"""A verdict as a routing table for production, and as a configuration of the LiteLLM proxy (docs/hybrid.md)."""

import json
import re
from collections.abc import Iterator
from datetime import datetime

from app.domain.configuration import CandidateTable, IncumbentTable, PilotConfiguration, SegmentTable
from app.domain.pilot import Pilot
from app.domain.routing_table import Route, RoutedArm, RoutingTable
from app.domain.scorecard import Scorecard, VerdictModel
from app.domain.staying import is_incumbent_allowed
from app.domain.words import OTHER_SEGMENT, ArmRole, Outcome
from app.errors import InvalidInput, Problem
from app.pipeline.scorecard import compute_scorecard
from app.store.pilots import get_pilot
from app.store.session import SessionFactory, session_scope

FORMATS = ("json", "litellm")
INCUMBENT = ArmRole.INCUMBENT.value
_WORDS = {
    Outcome.MIGRATE: "all traffic goes to the candidate",
    Outcome.HYBRID: "the named kinds of work go to the candidate, everything else stays with the incumbent",
    Outcome.DONT_MIGRATE: "nothing moves: all traffic stays with the incumbent",
    Outcome.EXTEND: "nothing moves yet: all traffic stays with the incumbent until there is enough evidence",
}
# A dot in a model's name is written without its backslash more often than not.
_LITERAL = re.compile(r"\^((?:[\w:/@.-]|\\[.\-/+])+)\$")


def export_routing(session_factory: SessionFactory, pilot_name: str, candidate: str | None) -> RoutingTable:
    """The routing of the present verdict; `candidate` None = the only one, or the only one that something moves to.

    Raises:
        NotFound: If there is no such pilot.
        InvalidInput: If there is no such candidate, or it is not clear which.
    """
    scorecard = compute_scorecard(session_factory, pilot_name)
    with session_scope(session_factory) as session:
        pilot = get_pilot(session, pilot_name)
    return routing_table(pilot, scorecard, chosen_candidate(pilot, scorecard, candidate))


def chosen_candidate(pilot: Pilot, scorecard: Scorecard, candidate: str | None) -> str:
    """The candidate of that name, or the one that is meant without a name."""
    names = list(scorecard.candidates)
    if candidate in names and candidate is not None:
        return candidate
    if candidate is not None:
        message = f"pilot {pilot.name!r} has no candidate {candidate!r}; allowed: {', '.join(names)}"
        raise InvalidInput(message, (Problem(message, field="candidate", code="unknown_candidate"),))
    moving = [name for name in names if scorecard.candidates[name].verdict.routing]
    for found in (names, moving):
        if len(found) == 1:
            return found[0]
    message = f"pilot {pilot.name!r} has several candidates; name one: {', '.join(names)}"
    raise InvalidInput(message, (Problem(message, field="candidate", code="candidate_needed"),))


def routing_table(pilot: Pilot, scorecard: Scorecard, name: str) -> RoutingTable:
    """Where each registered kind of work and all else goes: pure."""
    configuration, verdict = pilot.configuration, scorecard.candidates[name].verdict
    arms = {INCUMBENT: _incumbent(configuration.incumbent), name: _candidate(configuration.candidate_named(name))}
    return RoutingTable(
        pilot=pilot.name,
        candidate=name,
        outcome=verdict.outcome,
        final=verdict.final,
        as_of=scorecard.as_of,
        data_hash=scorecard.data_hash,
        moves=bool(verdict.routing),
        may_fall_back=is_incumbent_allowed(configuration),
        words=_WORDS[verdict.outcome],
        arms=arms,
        routes=list(_routes(configuration, verdict, arms)),
    )


def litellm_configuration(table: RoutingTable, configuration: PilotConfiguration) -> str:
    """The same as a file for `litellm --config`: YAML with what each part needs as comments."""
    return "\n".join(
        [*_preamble(table), "", "model_list:", *_models(table, configuration), "", *_settings(table, configuration)]
    )


def _routes(configuration: PilotConfiguration, verdict: VerdictModel, arms: dict[str, RoutedArm]) -> Iterator[Route]:
    segments: list[SegmentTable | None] = [*configuration.segment, None]
    for segment in segments:
        name = segment.name if segment is not None else OTHER_SEGMENT
        arm = verdict.routing.get(name, INCUMBENT)
        server = arms[arm]
        yield Route(
            segment=name,
            arm=arm,
            match=_match(segment) if segment is not None else None,
            model=server.model,
            base_url=server.base_url,
            api_key_env=server.api_key_env,
        )


def _match(segment: SegmentTable) -> dict[str, str]:
    """What the pilot matched by; a segment without a match is one that the app names itself in the header."""
    if segment.match is None:
        return {"header": segment.name}
    return {key: str(value) for key, value in segment.match.model_dump(exclude_none=True).items()}


def _incumbent(table: IncumbentTable) -> RoutedArm:
    return RoutedArm(model=table.model, base_url=table.base_url, api_key_env=table.api_key_env)


def _candidate(table: CandidateTable) -> RoutedArm:
    return RoutedArm(
        model=table.model,
        base_url=table.base_url,
        api_key_env=table.api_key_env,
        server=table.server,
        timeout_seconds=table.timeout_seconds,
        max_concurrency=table.max_concurrency,
    )


def _preamble(table: RoutingTable) -> Iterator[str]:
    as_of = _utc(table.as_of) if table.as_of is not None else "no day is closed yet"
    yield f"# LiteLLM proxy configuration of the pilot {_quoted(table.pilot)}: {table.words}."
    yield f"# Verdict on {_quoted(table.candidate)}: {table.outcome.value}, data up to {as_of}; data hash {table.data_hash}."
    yield "# Start it with: litellm --config THIS_FILE"
    yield "#"
    yield "# LiteLLM chooses by the request's `model` alone. It reads neither the header X-Pilot-Segment nor paths or system"
    yield "# prompts, by which the pilot told kinds of work apart: the app has to send the model_name of the kind, as below."
    yield "# Keys are read from the environment (os.environ/NAME); this file holds none:"
    for variable, what in _variables(table):
        yield f"#   {variable}: {what}"


def _variables(table: RoutingTable) -> Iterator[tuple[str, str]]:
    yield "LITELLM_MASTER_KEY", "the key that apps give to this proxy"
    yield _key_of_incumbent(table), "the key of the incumbent's API"
    candidate = table.arms[table.candidate]
    if table.moves and candidate.api_key_env:
        yield candidate.api_key_env, "the key of the candidate's server"


def _models(table: RoutingTable, configuration: PilotConfiguration) -> Iterator[str]:
    """One model name a kind of work; a name that is there twice would share its requests out between two models."""
    seen: set[str] = set()
    for route in table.routes:
        names = [configuration.incumbent.model] if route.match is None else _names(table, route)
        for name in names:
            if name not in seen:
                yield f"  # {_said(route)}"
                yield from _deployment(table, name, route.arm, _exact_model(route) if route.arm == INCUMBENT else None)
                seen.add(name)
    if configuration.incumbent.model in _moved_names(table, configuration):
        yield "  # the incumbent, as it was: to fall back on, or to go back to"
        yield from _deployment(table, _kept(table), INCUMBENT)


def _names(table: RoutingTable, route: Route) -> list[str]:
    """The name that apps are to send; a match by one exact model name keeps that name too."""
    exact = _exact_model(route)
    return [f"{table.pilot}/{route.segment}", *([exact] if exact is not None else [])]


def _exact_model(route: Route) -> str | None:
    """The model that a kind of work is told by, where it is told by one model's name and nothing else."""
    if route.match is None or list(route.match) != ["model"]:
        return None
    literal = _LITERAL.fullmatch(route.match["model"])
    return literal[1].replace("\\", "") if literal is not None else None


def _said(route: Route) -> str:
    if route.match is None:
        return f"everything else -> {_quoted(route.arm)}"
    by = ", ".join(f"{key} = {_quoted(value)}" for key, value in route.match.items())
    return f"{_quoted(route.segment)} -> {_quoted(route.arm)}; the pilot matched it by {by}"


def _deployment(table: RoutingTable, name: str, arm: str, model: str | None = None) -> Iterator[str]:
    """`model`: another one of the same server than the arm's own."""
    server = table.arms[arm]
    yield f"  - model_name: {_quoted(name)}"
    yield "    litellm_params:"
    yield f"      model: {_quoted(f'openai/{model or server.model}')}  # openai/ = any server that speaks OpenAI's API"
    yield f"      api_base: {_quoted(server.base_url)}"
    if arm == INCUMBENT:
        yield f"      api_key: {_quoted(f'os.environ/{_key_of_incumbent(table)}')}"
    elif server.api_key_env:
        yield f"      api_key: {_quoted(f'os.environ/{server.api_key_env}')}"
    else:
        yield '      api_key: "none"  # the server asked for no key in the pilot; LiteLLM wants any text here'
    if server.timeout_seconds is not None:
        yield f"      timeout: {server.timeout_seconds:g}  # seconds, as in the pilot"
    if server.max_concurrency is not None:
        yield f"      max_parallel_requests: {server.max_concurrency}  # as in the pilot"


def _settings(table: RoutingTable, configuration: PilotConfiguration) -> Iterator[str]:
    yield "router_settings:"
    yield "  num_retries: 0  # the pilot asked the candidate once for each request"
    names, incumbent = _moved_names(table, configuration), configuration.incumbent.model
    back = _kept(table) if incumbent in names else incumbent
    if names and table.may_fall_back:
        yield "  # What the candidate cannot answer goes to the incumbent; take this out if it must not."
        yield "  fallbacks:"
        yield from (f"    - {_quoted(name)}: [{_quoted(back)}]" for name in names)
    elif names:
        yield "  # No fallbacks: data must stay, so the incumbent may not answer instead."
    yield "general_settings:"
    yield '  master_key: "os.environ/LITELLM_MASTER_KEY"  # without it anybody who reaches the proxy may use it'
    yield ""


def _moved_names(table: RoutingTable, configuration: PilotConfiguration) -> list[str]:
    """Model names that the candidate answers; of a name that two kinds share the first decides."""
    arms: dict[str, str] = {}
    for route in table.routes:
        for name in [configuration.incumbent.model] if route.match is None else _names(table, route):
            arms.setdefault(name, route.arm)
    return [name for name, arm in arms.items() if arm != INCUMBENT]


def _kept(table: RoutingTable) -> str:
    return f"{table.pilot}/{INCUMBENT}"


def _key_of_incumbent(table: RoutingTable) -> str:
    return table.arms[INCUMBENT].api_key_env or "INCUMBENT_API_KEY"


def _quoted(text: str) -> str:
    """A double-quoted scalar: JSON's are YAML's too, and a comment stays on its line."""
    return (
        json.dumps(text, ensure_ascii=False)
        .replace("\x7f", "\\x7f")
        .replace("\x85", "\\N")
        .replace("\u2028", "\\L")
        .replace("\u2029", "\\P")
    )


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
