"""Which registered segment a request is of when nobody said it: the first that fits, else `other`."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.capture.conversation import system_text
from app.domain.configuration import SegmentTable
from app.domain.exchange import Json
from app.domain.words import OTHER_SEGMENT

SegmentOf = Callable[[Json], str]


@dataclass(frozen=True, slots=True)
class _Matcher:
    name: str
    model: re.Pattern[str] | None
    system_prompt: re.Pattern[str] | None

    def fits(self, request: Json) -> bool:
        if self.model is not None and not self.model.search(str(request.get("model") or "")):
            return False
        return self.system_prompt is None or bool(self.system_prompt.search(system_text(request)))


def segment_finder(tables: Sequence[SegmentTable]) -> SegmentOf:
    """A function from a request to its segment.

    A recorded request has no header and no path any more: a `match` that asks for one never fits.
    """
    matchers = [
        _Matcher(table.name, _compiled(table.match.model), _compiled(table.match.system_prompt))
        for table in tables
        if table.match is not None and table.match.header is None and table.match.path is None
    ]

    def find(request: Json) -> str:
        return next((matcher.name for matcher in matchers if matcher.fits(request)), OTHER_SEGMENT)

    return find


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    return None if pattern is None else re.compile(pattern)
