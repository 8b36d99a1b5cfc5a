"""Whether the database can serve."""

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from app.store.migrate import alembic_configuration
from app.store.session import SessionFactory

# What a statement raises when the server is away or overloaded, not when the statement is wrong.
DATABASE_ERRORS: tuple[type[Exception], ...] = (OperationalError, InterfaceError, PoolTimeout)
# For a value that no column can hold, such as a text with a NUL or with half a character, or a number of 30 digits.
VALUE_ERRORS: tuple[type[Exception], ...] = (DataError, UnicodeEncodeError)


def newest_revision() -> str | None:
    """The revision that this version of the code needs."""
    return ScriptDirectory.from_config(alembic_configuration("")).get_current_head()


def revision_of(session: Session) -> str | None:
    """The revision that the database has."""
    return MigrationContext.configure(session.connection()).get_current_revision()


def database_illness(session_factory: SessionFactory) -> str | None:
    """What is wrong with the database, in one sentence; `None` if nothing is."""
    try:
        with session_factory() as session:
            there, needed = revision_of(session), newest_revision()
    except DATABASE_ERRORS as error:
        return f"the database does not answer: {str(error).splitlines()[0]}"
    if there != needed:
        return f"the database has revision {there or 'none'}, this version needs {needed}: run the migrations"
    return None
