"""What one process may take of PostgreSQL: how many connections, and how long it may hold others up (docs/scale-out.md)."""

from dataclasses import dataclass

from app.settings import Settings

RECORDER_KEPT, RECORDER_MORE = 3, 2
MIRROR_KEPT, MIRROR_MORE = 2, 1


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Of one process; seconds of 0 mean no bound.

    Attributes:
        name: As `pg_stat_activity.application_name` shows it.
        kept: Connections that stay open.
        more: That may be opened beyond them for a while.
        wait_seconds: How long whoever finds none free waits for one.
        statement_seconds: Longest statement.
        lock_seconds: Longest wait for a lock, advisory ones too.
        idle_seconds: How long a transaction may be open without a statement: its process hangs.
    """

    name: str
    kept: int
    more: int
    wait_seconds: float
    statement_seconds: float
    lock_seconds: float
    idle_seconds: float

    @property
    def most(self) -> int:
        """Connections at once."""
        return self.kept + self.more

    @property
    def options(self) -> str:
        """As libpq hands them to the server, for every connection; what has no bound here has the server's."""
        bounds = {
            "statement_timeout": self.statement_seconds,
            "lock_timeout": self.lock_seconds,
            "idle_in_transaction_session_timeout": self.idle_seconds,
        }
        return " ".join(f"-c {name}={int(seconds * 1000)}" for name, seconds in bounds.items() if seconds)


def api_limits(settings: Settings) -> PoolLimits:
    """Requests run in threads: who finds no connection soon is told so (503), and the client tries again."""
    kept = settings.database_pool_size
    return PoolLimits("pilot-api", kept, kept, settings.database_wait_seconds, settings.api_statement_seconds, 30.0, 600.0)


def recorder_limits(slot: str) -> PoolLimits:
    """One batch, the closing, the boots. What hangs is given up and done again: the events stay in the stream."""
    return PoolLimits(f"pilot-{slot}", RECORDER_KEPT, RECORDER_MORE, 30.0, 120.0, 30.0, 120.0)


def mirror_limits(slot: str) -> PoolLimits:
    """It only reads which pilots there are, and writes server metrics."""
    return PoolLimits(f"pilot-{slot}", MIRROR_KEPT, MIRROR_MORE, 10.0, 30.0, 10.0, 60.0)


def worker_limits(settings: Settings) -> PoolLimits:
    """Each process of a worker's pool. Statements may be long: a scorecard reads all pairs."""
    kept = max(2, settings.database_pool_size // 2)
    return PoolLimits("pilot-worker", kept, kept, 30.0, 0.0, 300.0, 3600.0)


def most_connections(settings: Settings, *, apis: int = 1, mirrors: int = 1, recorders: int = 1, worker_processes: int) -> int:
    """What so many processes may take at once; `max_connections` of the server has to be above it."""
    return (
        apis * api_limits(settings).most
        + mirrors * mirror_limits("mirror").most
        + recorders * recorder_limits("recorder").most
        + worker_processes * worker_limits(settings).most
    )
