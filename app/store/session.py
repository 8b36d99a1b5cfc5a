"""Engine, sessions and the only `commit` of the code base."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker

from app.jobs import Job
from app.store.texts import TEXTS, Texts

Publish = Callable[[Job, list[Any]], None]
SessionFactory = sessionmaker[Session]
_JOBS = "jobs_after_commit"
_CHANGED, _ON_CHANGE = "pilots_changed", "on_pilot_change"


def make_engine(database_url: str, *, pool_size: int = 8, connect_timeout_seconds: int = 10) -> Engine:
    """An engine for one process; make it after any fork.

    Args:
        database_url: SQLAlchemy URL with the driver `postgresql+psycopg`.
        pool_size: Most connections that this process keeps.
        connect_timeout_seconds: How long one attempt to connect may take.
    """
    return create_engine(
        database_url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        hide_parameters=True,  # errors are logged: what was to be stored may be a text of production
        connect_args={"options": "-c timezone=UTC", "connect_timeout": connect_timeout_seconds},
    )


def make_session_factory(
    engine: Engine, *, texts: Texts | None = None, on_pilot_change: Callable[[], None] | None = None
) -> SessionFactory:
    """Sessions whose objects stay readable after the commit.

    Args:
        engine: Of the process.
        texts: What seals and opens stored texts; without it no text can be read or written (`app.store.texts.texts_of`).
        on_pilot_change: Called after each commit that changed a pilot, with the session closed.
    """
    return sessionmaker(engine, expire_on_commit=False, info={_ON_CHANGE: on_pilot_change, TEXTS: texts})


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
