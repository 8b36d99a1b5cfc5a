"""On which line each key of a TOML document stands: `tomllib` reads values, and says nothing of places.

It expects a text that `tomllib` has accepted, and therefore checks nothing.
"""

import re
import tomllib
from bisect import bisect_right
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]

_SPACE = re.compile(r"[ \t]*")
_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)[ \t]*""")
_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\]|\\.)*"|\'[^\']*\'', re.DOTALL)
_SCALAR = re.compile(r"[^,\]}#\r\n]*")


def key_lines(text: str) -> dict[Path, int]:
    """The 1-based line of every key, table and array element of a valid document, by path."""
    return _Walk(text.replace("\r\n", "\n")).lines


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self.place = 0
        self.lines: dict[Path, int] = {}
        self.elements: dict[Path, int] = {}  # arrays of tables: how many there are so far
        table: Path = ()
        self._skip(_GAP)
        while self.place < len(text):
            if text[self.place] == "[":
                table = self._header()
            else:
                self._assignment(table)
            self._skip(_GAP)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.place)
        assert found is not None  # noqa: S101 - the text is valid TOML
        self.place = found.end()
        return found[0]

    def _note(self, path: Path, place: int) -> None:
        self.lines.setdefault(path, bisect_right(self.starts, place))

    def _keys(self) -> list[str]:
        """A dotted key; ends at what follows it."""
        keys = []
        while True:
            raw = self._skip(_KEY).strip(" \t")
            keys.append(next(iter(tomllib.loads(f"{raw} = 0"))) if raw[0] in "\"'" else raw)
            if self.text[self.place] != ".":
                return keys
            self.place += 1

    def _header(self) -> Path:
        start, brackets = self.place, 2 if self.text.startswith("[[", self.place) else 1
        self.place += brackets
        keys = self._keys()
        self.place += brackets
        path: Path = ()
        for key in keys[:-1]:
            path = self._enter((*path, key))
        path = (*path, keys[-1])
        self._note(path, start)
        if brackets == 1:
            return self._enter(path)
        self.elements[path] = self.elements.get(path, -1) + 1
        path = (*path, self.elements[path])
        self._note(path, start)
        return path

    def _enter(self, path: Path) -> Path:
        """A table's path, or that of the newest element if it is an array of tables."""
        return (*path, self.elements[path]) if path in self.elements else path

    def _assignment(self, table: Path) -> None:
        self._skip(_SPACE)
        start, path = self.place, table
        for key in self._keys():
            path = (*path, key)
            self._note(path, start)
        self.place += 1  # the equals sign
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip(_SPACE)
        opening = self.text[self.place]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            self._skip(_STRING if opening in "\"'" else _SCALAR)

    def _array(self, path: Path) -> None:
        number = 0
        self._open_or_next()
        while self.text[self.place] != "]":
            self._note((*path, number), self.place)
            self._value((*path, number))
            number += 1
            self._skip(_GAP)
            if self.text[self.place] == ",":
                self._open_or_next()
        self.place += 1

    def _inline_table(self, path: Path) -> None:
        self._open_or_next()
        while self.text[self.place] != "}":
            self._assignment(path)
            self._skip(_GAP)
            if self.text[self.place] == ",":
                self._open_or_next()
        self.place += 1

    def _open_or_next(self) -> None:
        self.place += 1
        self._skip(_GAP)
