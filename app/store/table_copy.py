"""All tables of one moment as text, and back, by PostgreSQL's own COPY: no client program of the server's version is needed."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from app.errors import StackError

Write = Callable[[bytes], Any]
DIGEST_BITS = 128

_TABLES = """
SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND c.relname <> 'alembic_version'
GROUP BY c.relname ORDER BY c.relname
"""
_NEEDS = """
SELECT DISTINCT t.relname, n.relname FROM pg_constraint AS f
JOIN pg_class AS t ON t.oid = f.conrelid JOIN pg_class AS n ON n.oid = f.confrelid
WHERE f.contype = 'f' AND t.relnamespace = 'public'::regnamespace AND NOT t.relispartition AND t.oid <> n.oid
"""
_PARTITIONS = """
SELECT p.relname, c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits AS i
JOIN pg_class AS c ON c.oid = i.inhrelid AND c.relispartition JOIN pg_class AS p ON p.oid = i.inhparent
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' ORDER BY c.relname
"""
_SEQUENCES = "SELECT sequencename::text, last_value FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"
_REVISION = "SELECT version_num FROM alembic_version"
_BOUND = re.compile(r"FOR VALUES FROM \('[-0-9: +.]+'\) TO \('[-0-9: +.]+'\)")
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class TableShape:
    """One table and its columns, in the order in which they are written."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Partition:
    """A table that holds a part of another one."""

    parent: str
    name: str
    bound: str


@dataclass(frozen=True, slots=True)
class DatabaseShape:
    """What is needed to make the tables again; tables stand after those that they refer to."""

    revision: str
    tables: tuple[TableShape, ...]
    partitions: tuple[Partition, ...] = ()
    sequences: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "DatabaseShape":
        """Of plain values; `StackError` if a name or a bound is none."""
        shape = cls(
            given["revision"],
            tuple(TableShape(each["name"], tuple(each["columns"])) for each in given["tables"]),
            tuple(Partition(**each) for each in given["partitions"]),
            given["sequences"],
        )
        names = [*(table.name for table in shape.tables), *shape.sequences, *(each.name for each in shape.partitions)]
        wrong = [name for name in names if not _NAME.fullmatch(name)]
        wrong += [each.bound for each in shape.partitions if not _BOUND.fullmatch(each.bound)]
        if wrong:
            message = f"the backup speaks of {wrong[0][:60]!r}, which is no name of a table"
            raise StackError(message)
        return shape


@dataclass(slots=True)
class RowDigest:
    """Of a table's rows, whatever their order."""

    rows: int = 0
    total: int = 0

    def add(self, row: bytes) -> None:
        """One more row."""
        self.rows += 1
        self.total = (self.total + int.from_bytes(hashlib.sha256(row).digest()[: DIGEST_BITS // 8])) % 2**DIGEST_BITS

    @property
    def text(self) -> str:
        """In hexadecimal digits."""
        return f"{self.total:032x}"


class TableReader:
    """One state of the database, read table by table."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection
        self.shape = _shape(connection)

    def copy(self, table: TableShape, write: Write) -> RowDigest:
        """Hands the table's rows, each a line of COPY's text format, to `write`."""
        digest = RowDigest()
        statement = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(_columns(table), sql.Identifier(table.name))
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in copy:
                text = bytes(row)
                digest.add(text)
                write(text)
        return digest


@contextmanager
def reading_tables(database_url: str) -> Iterator[TableReader]:
    """A snapshot: whatever is written meanwhile is not seen, and nobody waits for it."""
    with _connected(database_url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield TableReader(connection)
        connection.rollback()


def is_empty(database_url: str) -> bool:
    """Whether a database has no tables of anybody."""
    with _connected(database_url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')"
        ).fetchone()
    return found is not None and found[0] == 0


def load_tables(database_url: str, shape: DatabaseShape, read: Callable[[TableShape], Iterable[bytes]]) -> dict[str, int]:
    """Fills the tables of a freshly migrated database, all or none; gives the rows of each.

    Raises:
        StackError: The tables are not those of the shape, or hold rows already.
    """
    with _connected(database_url) as connection:
        connection.autocommit = True
        with connection.transaction():
            loaded = _load(connection, shape, read)
        connection.execute("ANALYZE")
    return loaded


def _load(
    connection: "psycopg.Connection[Any]", shape: DatabaseShape, read: Callable[[TableShape], Iterable[bytes]]
) -> dict[str, int]:
    there = _shape(connection)
    if {table.name: table.columns for table in there.tables} != {table.name: table.columns for table in shape.tables}:
        message = f"the tables of revision {shape.revision} are not those of the backup"
        raise StackError(message)
    for part in shape.partitions:
        connection.execute(
            sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF {} ").format(
                sql.Identifier(part.name), sql.Identifier(part.parent)
            )
            + sql.SQL(part.bound)
        )
    # What triggers wrote is in the backup; references are checked all the same.
    _switch_triggers(connection, shape, "DISABLE")
    loaded = {table.name: _fill(connection, table, read(table)) for table in shape.tables}
    _switch_triggers(connection, shape, "ENABLE")
    for sequence, value in shape.sequences.items():
        connection.execute("SELECT setval(%s::regclass, %s)", (sequence, value))
    return loaded


def _fill(connection: "psycopg.Connection[Any]", table: TableShape, parts: Iterable[bytes]) -> int:
    name = sql.Identifier(table.name)
    if connection.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(name)).fetchone() != (False,):
        message = f"the table {table.name} holds rows already"
        raise StackError(message)
    with connection.cursor() as cursor:
        with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(name, _columns(table))) as copy:
            for part in parts:
                copy.write(part)
        return cursor.rowcount


def _switch_triggers(connection: "psycopg.Connection[Any]", shape: DatabaseShape, word: LiteralString) -> None:
    for table in shape.tables:
        connection.execute(sql.SQL(f"ALTER TABLE {{}} {word} TRIGGER USER").format(sql.Identifier(table.name)))


def _columns(table: TableShape) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, table.columns))


def _shape(connection: "psycopg.Connection[Any]") -> DatabaseShape:
    revision = connection.execute(_REVISION).fetchone()
    tables = {name: TableShape(name, tuple(columns)) for name, columns in connection.execute(_TABLES).fetchall()}
    needs: dict[str, set[str]] = {name: set() for name in tables}
    for name, needed in connection.execute(_NEEDS).fetchall():
        needs[name].add(needed)
    return DatabaseShape(
        revision[0] if revision else "",
        tuple(tables[name] for name in _in_order(needs)),
        tuple(Partition(*row) for row in connection.execute(_PARTITIONS).fetchall()),
        dict(connection.execute(_SEQUENCES).fetchall()),
    )


def _in_order(needs: Mapping[str, set[str]]) -> Sequence[str]:
    """Each name after those that it needs."""
    placed: list[str] = []
    while len(placed) < len(needs):
        ready = [name for name in sorted(needs) if name not in placed and needs[name] <= set(placed)]
        if not ready:
            message = "tables refer to each other in a circle"
            raise StackError(message)
        placed += ready
    return placed


@contextmanager
def _connected(database_url: str) -> "Iterator[psycopg.Connection[Any]]":
    plain = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(plain, application_name="pilot-backup", options="-c timezone=UTC -c datestyle=ISO") as connection:
            yield connection
    except psycopg.Error as error:
        message = f"PostgreSQL says: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        raise StackError(message) from error
