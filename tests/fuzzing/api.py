"""Every operation of the OpenAPI, asked with values that fit its schema, that do not, and with real files that were altered."""

from random import Random
from typing import Any

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import Unsatisfiable
from requests import Timeout
from schemathesis import Case
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fuzzing import answers, captured
from tests.fuzzing.mutation import Mutator
from tests.fuzzing.oddities import SERVER_ERROR, Caller, Tried
from tests.fuzzing.seeds import seeds

CHECKS = [status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance]
# May say that Redis or a model server is away, and has to.
MAY_BE_ILL = ("/health/", "/plan/models")
# Bodies that are no JSON: real files with mutations beside the texts that schemathesis makes up.
BODIES = {
    "application/toml": Mutator(answers.EXAMPLES, answers.TOML_WORDS),
    "application/jsonl": Mutator((*captured.LINES, *seeds("labels")), captured.LINE_WORDS),
    "application/vnd.parallel-pilot.batch": Mutator((captured.batch(),), captured.EVENT_WORDS),
    "text/csv": Mutator(captured.HOURS, captured.CELL_WORDS),
    "application/octet-stream": Mutator(captured.INVOICES, captured.CELL_WORDS),
}
# A plan is simulated anew for each request: seconds each.
LONG, LONG_EXAMPLES = "POST /api/v1/plan", 3
CALL_SECONDS = 120
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
# How often a parameter of a path is one that exists, and a text body a real file.
REAL_SHARE = 0.6


@schemathesis.serializer(*BODIES)
def plain_text(_: Any, value: Any) -> bytes:
    """A text body as its bytes; what should be a text and is none is written as JSON."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


def operations_of(web: FastAPI) -> list[APIOperation[Any, Any, Any, Any]]:
    """All operations, to be asked in this process."""
    found = schemathesis.openapi.from_asgi("/openapi.json", web).get_all_operations()
    return [each.ok() for each in found if isinstance(each, Ok)]


def ask(operation: APIOperation[Any, Any, Any, Any], caller: Caller, tried: Tried, *, examples: int, seed: int) -> None:
    """So many requests of each kind; what is wrong is noted under the operation's name."""
    random = Random(f"{operation.label} {caller.name} {seed}")
    for mode in MODES:

        @seeded(seed)
        @given(operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=min(examples, LONG_EXAMPLES) if operation.label == LONG else examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def one(case: "Case[Any]") -> None:
            _made_real(case, caller, random)
            _try(case, caller, tried)

        try:
            one()
        except Unsatisfiable:  # an operation without parameters has nothing that could be wrong
            continue


def _made_real(case: "Case[Any]", caller: Caller, random: Random) -> None:
    for name in list(case.path_parameters or ()):
        if name in caller.real and random.random() < REAL_SHARE:
            case.path_parameters[name] = random.choice(caller.real[name])
    mutator = BODIES.get(case.media_type or "")
    if mutator is not None and random.random() < REAL_SHARE:
        case.body = mutator.make(random)


def _try(case: "Case[Any]", caller: Caller, tried: Tried) -> None:
    tried.calls += 1
    try:
        response = case.call(headers=caller.headers, timeout=CALL_SECONDS)
    except Timeout:
        tried.note(
            tried.server_errors, f"{case.operation.label} no answer within {CALL_SECONDS} s", case.as_curl_command()[:600]
        )
        return
    tried.statuses[response.status_code] += 1
    label = case.operation.label
    request = f"{caller.name}: {case.as_curl_command()[:600]}"
    if response.status_code >= SERVER_ERROR and not any(path in label for path in MAY_BE_ILL):
        tried.note(tried.server_errors, f"{label} {response.status_code}", f"{request} -> {response.text[:300]}")
    try:
        case.validate_response(response, checks=CHECKS, headers=caller.headers)
    except (FailureGroup, Failure) as found:
        for failure in found.exceptions if isinstance(found, FailureGroup) else (found,):
            name = f"{label} {failure.title} {response.status_code}"
            tried.note(tried.violations, name, f"{request} -> {failure.message[:600]}")
