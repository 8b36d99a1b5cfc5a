"""What must be there before the processes start: tables, the pepper, a first admin's key.

`python -m app.stack.preparing` does it for servers that run elsewhere (docker-compose.yml); with `--schema-only` no key is
made, as where no folder outlives the process (deploy/kubernetes).
"""

import argparse
import sys
from pathlib import Path

from app.errors import StackError
from app.pipeline.access import load_pepper
from app.pipeline.first_key import usable_admin_key
from app.settings import Settings
from app.stack.home import StackHome, read_settings, write_private
from app.store.health import DATABASE_ERRORS
from app.store.migrate import upgrade_database
from app.store.session import SessionFactory, make_engine, make_session_factory, session_scope


def prepare_database(home: StackHome, database_url: str, pepper: str | None) -> None:
    """Migrates, and makes sure that the key in `admin.key` is valid."""
    try:
        upgrade_database(database_url)
        engine = make_engine(database_url, pool_size=1)
        try:
            write_admin_key(home.admin_key_file, make_session_factory(engine), load_pepper(home.root, pepper))
        finally:
            engine.dispose()
    except DATABASE_ERRORS as error:
        # The first line names server and reason; the address itself may hold a password.
        message = f"the database of PILOT_DATABASE_URL cannot be used: {str(error).splitlines()[0]}"
        raise StackError(message) from error


def migrate_database(database_url: str) -> None:
    """Brings the tables to the revision of this version."""
    try:
        upgrade_database(database_url)
    except DATABASE_ERRORS as error:
        message = f"the database of PILOT_DATABASE_URL cannot be used: {str(error).splitlines()[0]}"
        raise StackError(message) from error


def write_admin_key(file: Path, factory: SessionFactory, pepper: str) -> None:
    """Sees to it that the file holds a valid key."""
    present = file.read_text().strip() if file.exists() else None
    with session_scope(factory) as session:
        key = usable_admin_key(session, present, pepper)
        if key != present:
            write_private(file, key)


def main(arguments: list[str] | None = None) -> int:
    """Prepares the database of the environment's settings."""
    parser = argparse.ArgumentParser(prog="python -m app.stack.preparing", description=__doc__)
    parser.add_argument("--schema-only", action="store_true", help="only migrate the database")
    is_schema_only = parser.parse_args(arguments).schema_only
    try:
        home = _prepare_environment(read_settings(), is_schema_only=is_schema_only)
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    where = "" if is_schema_only else f"; an admin's key is in {home.admin_key_file}"
    sys.stderr.write(f"The database is migrated{where}\n")
    return 0


def _prepare_environment(settings: Settings, *, is_schema_only: bool) -> StackHome:
    if settings.database_url is None:
        message = "set PILOT_DATABASE_URL to the database to prepare"
        raise StackError(message)
    home = StackHome(settings.home.resolve())
    home.prepare()
    if is_schema_only:
        migrate_database(settings.database_url)
        return home
    prepare_database(home, settings.database_url, settings.pepper.get_secret_value() if settings.pepper else None)
    return home


if __name__ == "__main__":
    sys.exit(main())
