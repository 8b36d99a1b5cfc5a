"""Brings a database to the newest revision: everything or nothing, and never waiting for a lock for long.

A migration that waits for a lock makes everybody wait who asks for the same table after it. So each attempt gives up after two
seconds, lets the others through, and is made again; whoever still stands in the way after a minute is named.
"""

import logging
import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from psycopg.errors import LockNotAvailable
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import OperationalError

from app.errors import StackError
from app.store.lock_holders import LockWatch
from app.store.schema_state import read_state

ROOT = Path(__file__).resolve().parents[2]
LOCK_SECONDS = 2.0
PAUSE_SECONDS = 1.0
PATIENCE_SECONDS = 60.0

log = logging.getLogger(__name__)


class MigrationBlocked(StackError):
    """Somebody holds a lock that a migration needs; the database is as it was before."""


class SchemaTooNew(StackError):
    """The database is of a newer version, with which this one cannot work."""


def alembic_configuration(database_url: str) -> Config:
    """Alembic's configuration for one database."""
    configuration = Config(str(ROOT / "alembic.ini"))
    configuration.attributes["url"] = database_url
    return configuration


def upgrade_database(
    database_url: str,
    revision: str = "head",
    *,
    lock_seconds: float = LOCK_SECONDS,
    patience_seconds: float = PATIENCE_SECONDS,
) -> None:
    """Runs every missing migration; safe to call from several processes at once. A database of a newer version is left alone.

    Args:
        database_url: Without a pooler in between that hands out connections by transaction.
        revision: Up to which.
        lock_seconds: Longest wait for one lock.
        patience_seconds: For how long it is tried again.

    Raises:
        MigrationBlocked: A lock could not be had; nothing has changed.
        SchemaTooNew: The database is of a newer version, with which this one cannot work.
    """
    until = time.monotonic() + patience_seconds
    configuration = alembic_configuration(database_url)
    configuration.attributes["lock_seconds"] = lock_seconds
    while True:
        with LockWatch(database_url) as watch:
            configuration.attributes["application_name"] = watch.application_name
            try:
                command.upgrade(configuration, revision)
            except CommandError:
                _leave_newer(database_url)
                return
            except OperationalError as error:
                if not isinstance(error.orig, LockNotAvailable):
                    raise
                blocked = f"the migration waits for a lock and has changed nothing. It is held by {watch.said()}"
            else:
                return
        if time.monotonic() >= until:
            raise MigrationBlocked(blocked)
        log.warning("%s; trying again", blocked)
        time.sleep(PAUSE_SECONDS)


def known_revisions() -> set[str]:
    """The revisions that this version can bring a database to."""
    scripts = ScriptDirectory.from_config(alembic_configuration("")).walk_revisions()
    return {script.revision for script in scripts}


def _leave_newer(database_url: str) -> None:
    """Alembic does not know the database's revision: fine, if it is a later one that still serves this version."""
    engine = create_engine(database_url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            state = read_state(connection, alembic_configuration(""))
    finally:
        engine.dispose()
    illness = state.illness()
    if illness is not None or not state.is_newer:
        raise SchemaTooNew(illness or f"the migrations of this version do not fit revision {state.there}")
    log.warning("the database has revision %s, newer than this version's %s: nothing to migrate", state.there, state.needed)
