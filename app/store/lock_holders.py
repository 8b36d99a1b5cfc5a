"""Who holds the locks for which a migration waits: named by program and age, never by what they ask."""

import secrets
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from typing_extensions import override

FIRST_LOOK_SECONDS = 0.3
LOOK_SECONDS = 0.2

_HOLDERS = text(
    """
    SELECT DISTINCT held.pid, coalesce(nullif(held.application_name, ''), held.backend_type) AS program,
        held.usename, held.state, extract(epoch FROM now() - held.xact_start)::float AS seconds
    FROM pg_stat_activity AS ours
    CROSS JOIN LATERAL unnest(pg_blocking_pids(ours.pid)) AS blocking (pid)
    JOIN pg_stat_activity AS held ON held.pid = blocking.pid
    WHERE ours.application_name = :name AND ours.datname = current_database() ORDER BY seconds DESC NULLS LAST
    """
)


@dataclass(frozen=True, slots=True)
class Holder:
    """One connection that is in the way.

    Attributes:
        pid: Of PostgreSQL's process: `SELECT pg_terminate_backend(pid)` ends it.
        program: The application's name, else what kind of process it is.
        seconds: Age of its transaction.
    """

    pid: int
    program: str
    user: str | None
    state: str | None
    seconds: float | None

    @override
    def __str__(self) -> str:
        age = "" if self.seconds is None else f", in a transaction for {self.seconds:.0f} s"
        return f"{self.program} (process {self.pid} of PostgreSQL, user {self.user}, {self.state}{age})"


class LockWatch(threading.Thread):
    """Looks, beside a migration, at who keeps it waiting; a quick migration costs no look.

    Args:
        database_url: Of the database that is migrated.

    Attributes:
        application_name: Under which the migration has to connect.
        holders: Those of the last look that found any.
    """

    def __init__(self, database_url: str) -> None:
        super().__init__(name="lock watch", daemon=True)
        self.application_name = f"pilot-migration-{secrets.token_hex(4)}"
        self.holders: tuple[Holder, ...] = ()
        self._url = database_url
        self._ends = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ends.set()
        self.join()

    def said(self) -> str:
        """The holders in words."""
        return "; ".join(str(holder) for holder in self.holders) or "somebody who was gone before it could be seen"

    @override
    def run(self) -> None:
        if self._ends.wait(FIRST_LOOK_SECONDS):
            return
        engine = create_engine(self._url, poolclass=NullPool)
        try:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                while True:
                    found = connection.execute(_HOLDERS, {"name": self.application_name}).all()
                    self.holders = tuple(Holder(*row) for row in found) or self.holders
                    if self._ends.wait(LOOK_SECONDS):
                        return
        except SQLAlchemyError:
            return  # the migration itself says what is wrong with the server
        finally:
            engine.dispose()
