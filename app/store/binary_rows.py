"""A query's rows as arrays: PostgreSQL's binary COPY gives rows of one width, so that no number becomes a Python object."""

import struct
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.errors import error_from_result
from sqlalchemy.orm import Session

from app.domain.evidence import Flags, Numbers, Words, words

NUMBER, FLOAT, COUNT, FLAG, MOMENT = "number", "float", "count", "flag", "moment"
# How a column is asked for so that it is never NULL, how wide it then is, and as what it is read.
_KINDS = {
    NUMBER: ("({})::bigint", 8, ">i8", np.int64),
    FLOAT: ("coalesce(({})::float8, 'NaN')", 8, ">f8", np.float64),
    COUNT: ("coalesce({}, -1)", 4, ">i4", np.float64),
    FLAG: ("coalesce({}, false)", 1, "?", np.bool_),
    MOMENT: ("{}", 8, ">i8", np.int64),
}
# PostgreSQL counts microseconds from the year 2000.
_EPOCH_US = 946_684_800_000_000
_ROWS_AT_ONCE = 20_000
_HEADER_BYTES, _LENGTH = 19, struct.Struct(">i")
_END_BYTES = 2  # shorter than any row
_NOTHING = np.array([""], dtype=object)
Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class CodedWords:
    """Columns of words: each row's place among the different combinations, and each column's word of those."""

    places: Numbers
    different: tuple[Words, ...]

    def words(self) -> list[Words]:
        """The columns; rows that share a word share the object."""
        return [different[self.places] for different in self.different]

    def where(self, chosen: Flags) -> "CodedWords":
        """Only some rows."""
        return CodedWords(self.places[chosen], self.different)

    def ranks(self, *columns: int) -> Numbers:
        """Each row's place in the order of some of its words, the first of them first."""
        keys = list(zip(*(self.different[column].tolist() for column in columns), strict=True))
        place = {key: rank for rank, key in enumerate(sorted(set(keys)))}
        return np.array([place[key] for key in keys], dtype=np.int64)[self.places]

    def spread(self, rows: Numbers, chosen: Flags, count: int) -> list[Words]:
        """Columns of so many rows, with the chosen words in their row and "" in all others."""
        places = np.zeros(count, dtype=np.int64)
        places[rows[chosen]] = self.places[chosen] + 1
        return [np.concatenate([_NOTHING, different])[places] for different in self.different]


@dataclass(frozen=True)
class RowQuery:
    """A query whose rows are numbers, and words of which there are few different combinations.

    Attributes:
        columns: SQL of each number and its kind; `NUMBER` and `MOMENT` (as microseconds since 1970) must not be NULL, and a
            `COUNT` (an integer of four bytes, half as wide as a `FLOAT`) not below 0; NULL becomes NaN.
        words: SQL of each text; NULL becomes "".
        source: From `FROM` on; parameters as `%(name)s`.
    """

    columns: Mapping[str, str]
    words: tuple[str, ...]
    source: str

    @cached_property
    def sql(self) -> str:
        """The query without `source`."""
        numbers = [_KINDS[kind][0].format(column) for column, kind in self.columns.items()]
        return "SELECT " + ", ".join((*numbers, *self.words)) + " "

    @cached_property
    def layout(self) -> np.dtype[np.void]:
        """Of a row's first part: how many fields it has, then each number behind its width."""
        offsets, at = [], 2
        for kind in self.columns.values():
            offsets.append(at + 4)
            at += 4 + _KINDS[kind][1]
        formats = [_KINDS[kind][2] for kind in self.columns.values()]
        return np.dtype({"names": list(self.columns), "formats": formats, "offsets": offsets, "itemsize": at})


def read_rows(
    session: Session, query: RowQuery, parameters: Mapping[str, Any], *, source: str | None = None
) -> tuple[list[Array], CodedWords]:
    """The columns of numbers and those of words, in the query's order.

    Args:
        session: In a transaction.
        query: What is asked.
        parameters: Of its source.
        source: In place of the query's own.
    """
    statement = f"COPY ({query.sql}{source or query.source}) TO STDOUT (FORMAT BINARY)"
    width, numbers, tails = query.layout.itemsize, bytearray(), _Tails(len(query.words))
    connection: psycopg.Connection[Any] = session.connection().connection.driver_connection  # type: ignore[assignment]
    with connection.cursor() as cursor, cursor.copy(statement, parameters) as copy:
        for heads, words_behind in _blocks(copy, connection, width):
            numbers += b"".join(heads)
            tails.add(words_behind)
    table = np.frombuffer(numbers, dtype=query.layout)
    columns = [_column(table[name], kind) for name, kind in query.columns.items()]
    return columns, tails.coded(connection.info.encoding)


def _column(read: Array, kind: str) -> Array:
    column: Array = read.astype(_KINDS[kind][3])
    if kind == COUNT:
        column[column < 0] = np.nan
    return column + _EPOCH_US if kind == MOMENT else column


def _blocks(copy: psycopg.Copy, connection: psycopg.Connection[Any], width: int) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """The numbers and the words of some rows at a time; `copy.read` alone takes longer for each than the row itself."""
    read = connection.pgconn.get_copy_data
    row = bytes(copy.read())[_HEADER_BYTES:]
    heads: list[bytes] = []
    tails: list[bytes] = []
    while len(row) > _END_BYTES:
        heads.append(row[:width])
        tails.append(row[width:])
        size, view = read(1)
        if size > 0:
            row = bytes(view)
            continue
        if size < 0:
            _raise_failure(connection)
        row = bytes(copy.read())  # waits until something is there
        if len(heads) > _ROWS_AT_ONCE:
            yield heads, tails
            heads, tails = [], []
    yield heads, tails
    copy.read()


def _raise_failure(connection: psycopg.Connection[Any]) -> None:
    result = connection.pgconn.get_result()
    while connection.pgconn.get_result() is not None:
        continue
    if result is not None:
        raise error_from_result(result)
    message = "the server ended a COPY before its last row"
    raise psycopg.OperationalError(message)


class _Tails:
    """The words at the end of the rows: those of one row together have a place, and are decoded once."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._places: dict[bytes, int] = {}
        self._blocks: list[Numbers] = []

    def add(self, tails: list[bytes]) -> None:
        """The tails of some more rows."""
        if self._count:
            for tail in set(tails) - self._places.keys():
                self._places[tail] = len(self._places)
            self._blocks.append(np.fromiter(map(self._places.__getitem__, tails), dtype=np.int64, count=len(tails)))

    def coded(self, encoding: str) -> CodedWords:
        """All of them."""
        places = np.concatenate(self._blocks) if self._blocks else np.empty(0, dtype=np.int64)
        decoded = [_decoded(tail, self._count, encoding) for tail in self._places]
        return CodedWords(places, tuple(words([said[number] for said in decoded]) for number in range(self._count)))


def _decoded(tail: bytes, count: int, encoding: str) -> list[str]:
    found, at = [], 0
    for _ in range(count):
        (length,) = _LENGTH.unpack_from(tail, at)
        at += _LENGTH.size
        found.append(sys.intern(tail[at : at + length].decode(encoding)) if length > 0 else "")
        at += max(0, length)
    return found
