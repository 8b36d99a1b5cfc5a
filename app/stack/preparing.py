"""What must be there before the processes start: tables, the pepper, a first admin's key.

`python -m app.stack.preparing` does it for servers that run elsewhere (docker-compose.yml).
"""

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


def write_admin_key(file: Path, factory: SessionFactory, pepper: str) -> None:
    """Sees to it that the file holds a valid key."""
    present = file.read_text().strip() if file.exists() else None
    with session_scope(factory) as session:
        key = usable_admin_key(session, present, pepper)
        if key != present:
            write_private(file, key)


def main() -> int:
    """Prepares the database of the environment's settings."""
    try:
        home = _prepare_environment(read_settings())
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stderr.write(f"The database is migrated; an admin's key is in {home.admin_key_file}\n")
    return 0


def _prepare_environment(settings: Settings) -> StackHome:
    if settings.database_url is None:
        message = "set PILOT_DATABASE_URL to the database to prepare"
        raise StackError(message)
    home = StackHome(settings.home.resolve())
    home.prepare()
    prepare_database(home, settings.database_url, settings.pepper.get_secret_value() if settings.pepper else None)
    return home


if __name__ == "__main__":
    sys.exit(main())
