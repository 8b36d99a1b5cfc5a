"""All checks of a pilot, and what they find in a reply."""

from collections.abc import Sequence

from app.domain.check_table import CheckTable
from app.domain.exchange import Json, Reply
from app.domain.findings import Findings
from app.graders.checks import (
    empty,
    json_invalid,
    python_syntax,
    refusal,
    repetition,
    schema_violation,
    tool_call_violation,
    truncated,
    unsafe_hint,
    wrong_language,
)
from app.graders.checks.check import Check
from app.graders.checks.own import own_check

_MODULES = (
    empty, truncated, refusal, unsafe_hint, wrong_language, repetition, json_invalid, schema_violation, tool_call_violation,
    python_syntax,
)  # fmt: skip
BUILT_IN = tuple(Check.of(module) for module in _MODULES)


def checks_of(own: Sequence[CheckTable]) -> tuple[Check, ...]:
    """The built-in checks and the user's own."""
    return (*BUILT_IN, *map(own_check, own))


def look_at(checks: Sequence[Check], request: Json, reply: Reply) -> Findings:
    """What these checks find in a reply.

    Args:
        checks: All of a pilot's, whatever their segment: where the reply belongs may not be known yet.
        request: Chat Completions, Responses or Completions.
        reply: The reply to it.
    """
    applying = [check for check in checks if check.applies(request, reply)]
    found = [check.label for check in applying if check.find(request, reply) is not None]
    return Findings(frozenset(check.label for check in applying), frozenset(found))


def make_ready() -> None:
    """Reads what checks need from files, so that the first reply does not wait for it: about a second, once a process."""
    wrong_language.language_of("")
