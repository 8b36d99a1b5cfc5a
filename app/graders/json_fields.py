"""Grader `json_fields`: which fields of a JSON reply are the incumbent's, and which are not."""

import re
from typing import Any

from app.domain.exchange import Json, Reply
from app.graders.canonical import strict_json
from app.graders.grade import Grade, Ungraded
from app.graders.json_schema import requested_schema
from app.graders.json_values import Agreement, compare_documents, count_fields

NAME = "json_fields"
VERSION = "1"
MAX_PATHS = 20
MAX_PATH_CHARS = 200
REFERENCE_NOT_JSON = "reference_not_json"
_FENCED = re.compile(r"\s*```(?:json)?[ \t]*\n(.*)\n\s*```\s*", re.DOTALL | re.IGNORECASE)


def grade_fields(request: Json, incumbent: Reply, other: Reply) -> Grade | Ungraded:
    """Agreement with an incumbent that counts as right: half of the F1 over the fields of both documents.

    A reply in a code fence is JSON only where the incumbent's is in one too: an application that copes with it is known.

    Args:
        request: Its schema, if it has one, says of which arrays the order does not matter.
        incumbent: The right reply; one that is not JSON says nothing: `Ungraded`.
        other: The arm's; 0 if it is not JSON.
    """
    try:
        wanted, is_fenced = _document(incumbent.content, may_be_fenced=True)
    except ValueError as error:
        return Ungraded(REFERENCE_NOT_JSON, f"the incumbent's reply is not JSON: {error}")
    try:
        given, _ = _document(other.content, may_be_fenced=is_fenced)
        return grade_documents(wanted, given, requested_schema(request))
    except ValueError as error:
        return Grade(0.0, f"the reply is not JSON: {error}", {"precision": 0.0, "recall": 0.0, "f1": 0.0, "paths": ["$"]})


def grade_documents(incumbent: Any, arm: Any, schema: Any = None) -> Grade:
    """Half of the F1 of two JSON values; facts hold precision, recall, F1 and at most 20 paths that differ.

    Raises:
        ValueError: One of them is nested too deeply to be compared.
    """
    found = compare_documents(incumbent, arm, schema)
    paths = [path[:MAX_PATH_CHARS] for path in found.paths[:MAX_PATHS]]
    facts: Json = {"precision": found.precision, "recall": found.recall, "f1": found.f1, "paths": paths}
    return Grade(0.5 * found.f1, _said(found), facts)


def _said(found: Agreement) -> str:
    if found.f1 == 1:
        return "all fields agree"
    shown = ", ".join(path[:MAX_PATH_CHARS] for path in found.paths[:3])
    more = f" and {len(found.paths) - 3} more" if len(found.paths) > 3 else ""  # noqa: PLR2004 - as many as are shown
    return (
        f"{found.same:g} of the incumbent's {found.incumbent} fields agree (the reply has {found.arm}); other at {shown}{more}"
    )


def _document(content: str | None, *, may_be_fenced: bool) -> tuple[Any, bool]:
    """The JSON of a reply and whether a code fence is around it; `ValueError` if it is none."""
    text = content or ""
    fenced = _FENCED.fullmatch(text) if may_be_fenced else None
    document = strict_json(fenced[1] if fenced else text)
    count_fields(document)  # refuses what is nested too deeply
    return document, fenced is not None
