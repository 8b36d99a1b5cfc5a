"""Which pilot a path belongs to, and what of it goes on to the incumbent."""

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

MIRRORED = frozenset({b"/chat/completions", b"/completions", b"/responses"})
_PILOT_PATH = re.compile(rb"/p/([^/]+)/v1(/.*|$)", re.DOTALL)
# Some servers take what follows a semicolon for a parameter of the segment, and `..;x` for `..`.
_DOT_SEGMENT = re.compile(rb"(^|[/\\])\.{1,2}(;[^/\\]*)?([/\\]|$)")


class Target(NamedTuple):
    """`pilot` None = the default one; `rest` is what follows `/v1`, raw."""

    pilot: str | None
    rest: bytes


def target_of(raw_path: bytes) -> Target | None:
    """The pilot and the rest of a path; `None` = no address of the gateway."""
    if raw_path.startswith(b"/v1/") or raw_path == b"/v1":
        return Target(None, raw_path[3:])
    found = _PILOT_PATH.fullmatch(raw_path)
    if found is None:
        return None
    return Target(unquote_to_bytes(found[1]).decode(errors="replace"), found[2])


def leaves_the_base(rest: bytes) -> bool:
    """Whether a server could read the path as one outside the incumbent's base path."""
    if b"." not in rest and b"%" not in rest:
        return False
    return bool(_DOT_SEGMENT.search(unquote_to_bytes(rest)))
