"""Grader `label`: do both replies name the same class?"""

from typing import Any

from app.domain.exchange import Reply
from app.graders.canonical import canonical_json, fold, strict_json
from app.graders.grade import Grade, Ungraded

NAME = "label"
VERSION = "1"
MAX_CHARS = 100
REFERENCE_NO_LABEL = "reference_no_label"
# What is written around a label; one of a pair alone may be part of it, as in "A*".
_AROUND = (("**", "**"), ('"', '"'), ("'", "'"), ("`", "`"), ("*", "*"), ("_", "_"), ("“", "”"), ("„", "“"),
           ("«", "»"), ("(", ")"), ("[", "]"), ("<", ">"))  # fmt: skip
_BEHIND = ".,;:!。、"


def label_of(reply: Reply) -> str | None:
    """The label that a reply consists of; `None` if it is no label.

    Letter case, white space, quotes and marks around it and a point behind it do not count. JSON with one field names the
    field's value. Nothing at all, more than 100 characters, or several fields are no label.
    """
    label = normal_label(_only_field(reply.content or ""))
    return label if 0 < len(label) <= MAX_CHARS else None


def grade_label(incumbent: Reply, other: Reply) -> Grade | Ungraded:
    """Agreement with an incumbent that counts as right: 0.5 if both name the same label, else 0; facts hold both labels."""
    wanted, given = label_of(incumbent), label_of(other)
    if wanted is None:
        return no_label()
    facts = {"incumbent": wanted, "arm": given}
    if given is None:
        return Grade(0.0, f"the reply is no label, the incumbent's is '{wanted}'", facts)
    same = wanted == given
    return Grade(0.5 if same else 0.0, f"both '{wanted}'" if same else f"'{given}' instead of '{wanted}'", facts)


def no_label() -> Ungraded:
    """The incumbent's reply is nothing that a label could be compared with."""
    return Ungraded(
        REFERENCE_NO_LABEL, f"the incumbent's reply is no label: empty, several fields, or above {MAX_CHARS} characters"
    )


def normal_label(text: str) -> str:
    """A label without regard to case, white space, and what is written around it."""
    label, before = fold(text), None
    while label != before:
        before = label
        bare = label.rstrip(_BEHIND).rstrip()
        for opening, closing in _AROUND:
            if bare.startswith(opening) and bare.endswith(closing):
                bare = bare[len(opening) : -len(closing)].strip() or bare
        label = bare or label
    return label


def _only_field(content: str) -> str:
    """The value of a JSON object's only field, or of a JSON scalar; of another object or an array nothing."""
    try:
        found: Any = strict_json(content)
    except ValueError:
        return content
    if isinstance(found, dict):
        found = next(iter(found.values())) if len(found) == 1 else []
    if isinstance(found, dict | list):
        return ""
    return found if isinstance(found, str) else canonical_json(found)
