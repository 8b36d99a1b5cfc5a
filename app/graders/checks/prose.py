"""The part of a text that is written for people: no code, no JSON, no addresses."""

import re

_FENCED = re.compile(r"(```|~~~)")
_INLINE = re.compile(r"`[^`\n]{1,200}`")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S{1,500}|\S{1,100}@\S{1,100}")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>|\[[A-Z][A-Za-z_]{0,30}:[^\]\n]{1,60}\]")


def is_json(text: str) -> bool:
    """Whether a text begins as a JSON object or array does."""
    start = text[:200].lstrip()[:2]
    return start[:1] == "{" or (start[:1] == "[" and start[1:2] in {"{", "[", '"', "]", "\n", " "})


def without_code(text: str) -> str:
    """A text without its fenced blocks; one that is never closed goes to the end."""
    if "```" not in text and "~~~" not in text:
        return text
    parts, mark = [], ""
    for piece in _FENCED.split(text):
        if piece in {"```", "~~~"}:
            mark = "" if piece == mark else (mark or piece)
        elif not mark:
            parts.append(piece)
    return "\n".join(parts)


def prose_of(text: str, *, most: int) -> str:
    """The prose among the first characters of a text: no code, no addresses, no tags, no masks."""
    begin = without_code(text[: 2 * most])
    for hints, pattern in (("`", _INLINE), (("://", "www.", "@"), _ADDRESS), ("<[", _TAG)):
        if any(hint in begin for hint in hints):
            begin = pattern.sub(" ", begin)
    return begin[:most]
