"""Engine, sessions and the only `commit` of the code base."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.orm import Session, sessionmaker

from app.jobs import Job
from app.store.limits import PoolLimits
from app.store.pool_watch import WatchedPool
from app.store.texts import TEXTS, Texts

Publish = Callable[[Job, list[Any]], None]
SessionFactory = sessionmaker[Session]
WAIT_SECONDS = 30.0
# PostgreSQL's process behind a connection keeps a cache and an open file of every table that it ever met: it shall end.
RENEWED_SECONDS = 600
_JOBS = "jobs_after_commit"
_CHANGED, _ON_CHANGE = "pilots_changed", "on_pilot_change"


def make_engine(
    database_url: str,
    *,
    pool_size: int = 8,
    connect_timeout_seconds: int = 10,
    limits: PoolLimits | None = None,
    renewed_seconds: int = RENEWED_SECONDS,
) -> Engine:
    """An engine for one process; make it after any fork.

    Args:
        database_url: SQLAlchemy URL with the driver `postgresql+psycopg`.
        pool_size: Most connections that this process keeps, where no limits are given.
        connect_timeout_seconds: How long one attempt to connect may take.
        limits: What a long-running process may take of the server, and the name that it is shown under.
        renewed_seconds: A connection older than that is made anew when it is next taken.
    """
    found = limits or PoolLimits("pilot", pool_size, pool_size, WAIT_SECONDS, 0.0, 0.0, 0.0)
    return create_engine(
        database_url,
        poolclass=WatchedPool,
        pool_size=found.kept,
        max_overflow=found.more,
        pool_timeout=found.wait_seconds,
        pool_pre_ping=True,
        pool_recycle=renewed_seconds,
        hide_parameters=True,  # errors are logged: what was to be stored may be a text of production
        connect_args={
            "options": f"-c timezone=UTC {found.options}",
            "connect_timeout": connect_timeout_seconds,
            "application_name": found.name,
        },
    )


def make_session_factory(
    engine: Engine,
    *,
    on_pilot_change: Callable[[], None] | None = None,
    texts: Texts | None = None,
    statement_seconds: float | None = None,
) -> SessionFactory:
    """Sessions whose objects stay readable after the commit.

    Args:
        engine: Of the process.
        on_pilot_change: Called after each commit that changed a pilot, with the session closed.
        texts: Seals and opens stored texts.
        statement_seconds: Longest statement, where it is not to be that of the engine.
    """
    made = sessionmaker(engine, expire_on_commit=False, info={_ON_CHANGE: on_pilot_change, TEXTS: texts})
    if statement_seconds is not None:
        bound = text(f"SET LOCAL statement_timeout = {int(statement_seconds * 1000)}")
        event.listen(made, "after_begin", lambda _session, _transaction, connection: connection.execute(bound))
    return made


def note_pilot_change(session: Session) -> None:
    """A pilot is another one once this transaction is committed: who asked to be told is told then."""
    session.info[_CHANGED] = True


def publish_after_commit(session: Session, job: Job, *arguments: Any) -> None:
    """Asks for a job that leaves once the transaction is committed, and never if it is rolled back."""
    session.info.setdefault(_JOBS, []).append((job, list(arguments)))


@contextmanager
def one_snapshot(factory: SessionFactory) -> Iterator[Session]:
    """Several statements that see one state; nothing is written."""
    with factory() as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        yield session


@contextmanager
def session_scope(factory: SessionFactory, publish: Publish | None = None) -> Iterator[Session]:
    """One transaction: committed at the end, rolled back on an exception, its jobs sent after the commit."""
    session = factory()
    try:
        yield session
        session.commit()
        jobs = session.info.pop(_JOBS, [])
        told = session.info.get(_ON_CHANGE) if session.info.pop(_CHANGED, False) else None
    except BaseException:
        session.rollback()
        raise
    finally:
        session.close()
    if jobs and publish is None:
        message = f"jobs were asked for without a way to publish them: {[job.value for job, _ in jobs]}"
        raise RuntimeError(message)
    for job, arguments in jobs:
        assert publish is not None  # noqa: S101 - checked above; tells the type checker
        publish(job, arguments)
    if told is not None:
        told()
