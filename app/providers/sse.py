"""Server-sent events out of any cutting of their bytes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its data lines joined by a line feed, and its name (`message` if it has none)."""

    data: str
    name: str = "message"


class EventParser:
    """Takes bytes as they come and gives the events that are complete (WHATWG HTML, section 9.2.6).

    One liberty: an event that the server did not close with an empty line is given by `finish`, since servers end so.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._is_first_line = True
        self._data: list[str] = []
        self._name = ""

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that these bytes complete; `UnicodeDecodeError` if a line is not UTF-8."""
        self._buffer += chunk
        yield from self._events(at_end=False)

    def finish(self) -> Iterator[Event]:
        """The events that the end of the stream completes."""
        yield from self._events(at_end=True)
        if self._buffer:
            rest = bytes(self._buffer)
            self._buffer.clear()
            self._line(rest)
        if (event := self._dispatch()) is not None:
            yield event

    def _events(self, *, at_end: bool) -> Iterator[Event]:
        start = 0
        while (match := _LINE_END.search(self._buffer, max(start, self._searched))) is not None:
            if match.group() == b"\r" and match.end() == len(self._buffer) and not at_end:
                break  # the line feed that belongs to it may be in the next bytes
            line, start = bytes(self._buffer[start : match.start()]), match.end()
            self._searched = 0
            if line:
                self._line(line)
            elif (event := self._dispatch()) is not None:
                yield event
        del self._buffer[:start]
        self._searched = max(0, len(self._buffer) - 1)

    def _line(self, line: bytes) -> None:
        if self._is_first_line:
            line, self._is_first_line = line.removeprefix(_BOM), False
        field, _, value = line.decode().partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value

    def _dispatch(self) -> Event | None:
        self._is_first_line = False
        data, name = self._data, self._name
        self._data, self._name = [], ""
        return Event("\n".join(data), name or "message") if data else None
