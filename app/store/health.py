"""Whether the database can serve."""

from dataclasses import dataclass

from psycopg.errors import LockNotAvailable, QueryCanceled
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.store.migrate import alembic_configuration
from app.store.schema_state import read_state
from app.store.session import SessionFactory

# What a statement raises when the server is away or overloaded, not when the statement is wrong.
DATABASE_ERRORS: tuple[type[Exception], ...] = (OperationalError, InterfaceError, PoolTimeout)
# For a value that no column can hold, such as a text with a NUL or with half a character, or a number of 30 digits.
VALUE_ERRORS: tuple[type[Exception], ...] = (DataError, UnicodeEncodeError)
IMPOSSIBLE_VALUE = (
    "a value cannot be stored: texts are whole characters without NUL, whole numbers have at most 18 digits, "
    "dates are of the years 1 to 9999"
)


@dataclass(frozen=True, slots=True)
class DatabaseTrouble:
    """Why the database did not do what was asked: `code` is for programs, `message` for people."""

    code: str
    message: str


AWAY = DatabaseTrouble("database_unavailable", "the database does not answer; try again")
BUSY = DatabaseTrouble("database_busy", "all connections that this process may have to the database are in use; try again")
TOO_SLOW = DatabaseTrouble("database_too_slow", "the database took longer than one request may; nothing of it was kept")
LOCKED = DatabaseTrouble("database_locked", "another change holds what this one needs; try again")


def trouble_of(error: Exception) -> DatabaseTrouble:
    """Which of the `DATABASE_ERRORS` it is, for whoever asked."""
    if isinstance(error, PoolTimeout):
        return BUSY
    cause = getattr(error, "orig", None)
    if isinstance(cause, QueryCanceled):
        return TOO_SLOW
    return LOCKED if isinstance(cause, LockNotAvailable) else AWAY


def database_illness(session_factory: SessionFactory) -> str | None:
    """What is wrong with the database, in one sentence; `None` if nothing is. A newer schema that still serves us is well."""
    try:
        with session_factory() as session:
            return read_state(session.connection(), alembic_configuration("")).illness()
    except DATABASE_ERRORS as error:
        return f"the database does not answer: {str(error).splitlines()[0]}"
