"""Work that one process at a time does for a pilot."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.store.session import SessionFactory

_TAKE = text("SELECT pg_try_advisory_lock(hashtextextended(:key, 0))")
_GIVE_BACK = text("SELECT pg_advisory_unlock(hashtextextended(:key, 0))")


@contextmanager
def only_one(session_factory: SessionFactory, key: str) -> Iterator[bool]:
    """Whether this process is the one, until the end of the block, however it ends.

    The lock is its connection's: if the process dies, the next one may begin at once. No transaction stays open.
    """
    with session_factory() as session:
        session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        mine = bool(session.scalar(_TAKE, {"key": key}))
        try:
            yield mine
        finally:
            if mine:
                try:
                    session.execute(_GIVE_BACK, {"key": key})
                except SQLAlchemyError:
                    session.invalidate()  # the connection is broken, and the lock ends with it
