"""Which registered segment a request is of when nobody said it: the first that fits, else `other`."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.capture.conversation import system_text
from app.domain.configuration import SegmentTable
from app.domain.exchange import Json
from app.domain.words import OTHER_SEGMENT

SegmentOf = Callable[[Json], str]
LiveSegmentOf = Callable[[Json, str, str | None], str]


@dataclass(frozen=True, slots=True)
class _Matcher:
    name: str
    header: str | None
    path: re.Pattern[str] | None
    model: re.Pattern[str] | None
    system_prompt: re.Pattern[str] | None

    def fits(self, request: Json, path: str, hint: str | None) -> bool:
        if self.header is not None and self.header != hint:
            return False
        if self.path is not None and not (self.path.search(path) or self.path.search("/v1" + path)):
            return False
        if self.model is not None and not self.model.search(str(request.get("model") or "")):
            return False
        return self.system_prompt is None or bool(self.system_prompt.search(system_text(request)))


def segment_finder(tables: Sequence[SegmentTable]) -> SegmentOf:
    """A function from a request to its segment.

    A recorded request has no header and no path any more: a `match` that asks for one never fits.
    """
    matchers = [matcher for matcher in _matchers(tables) if matcher.header is None and matcher.path is None]

    def find(request: Json) -> str:
        return _first(matchers, request, "", None)

    return find


def live_segment_finder(tables: Sequence[SegmentTable]) -> LiveSegmentOf:
    """A function from a request, its path (with or without `/v1`) and what `X-Pilot-Segment` said to its segment.

    A client that says the name of a segment which has no `match.header` means that segment, whatever else would fit: what
    is said counts more than what is guessed.
    """
    matchers = _matchers(tables)
    said = {table.name for table in tables if table.match is None or table.match.header is None}
    said -= {matcher.header for matcher in matchers if matcher.header is not None}

    def find(request: Json, path: str, hint: str | None) -> str:
        return hint if hint in said and hint is not None else _first(matchers, request, path, hint)

    return find


def _matchers(tables: Sequence[SegmentTable]) -> list[_Matcher]:
    return [
        _Matcher(
            table.name, table.match.header, _compiled(table.match.path), _compiled(table.match.model),
            _compiled(table.match.system_prompt),
        )
        for table in tables
        if table.match is not None
    ]  # fmt: skip


def _first(matchers: Sequence[_Matcher], request: Json, path: str, hint: str | None) -> str:
    return next((matcher.name for matcher in matchers if matcher.fits(request, path, hint)), OTHER_SEGMENT)


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    return None if pattern is None else re.compile(pattern)
