"""The drill: a backup restored into a folder that is thrown away, and what must be true of it then."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.errors import ServiceError, StackError
from app.pipeline.scorecard import compute_scorecard
from app.pipeline.text_keys import open_texts
from app.settings import Settings
from app.stack.attached import attached
from app.stack.home import StackHome
from app.stack.removal import remove_installation
from app.store.pilots import list_pilots
from app.store.session import make_engine, make_session_factory
from app.store.table_copy import reading_tables

Say = Callable[[str], None]


def checked_copy(database_url: str, manifest: dict[str, Any]) -> None:
    """Reads every table back; `StackError` if a row is not what it was."""
    with reading_tables(database_url) as reader:
        for table in reader.shape.tables:
            digest = reader.copy(table, lambda _: None)
            said = manifest["parts"][f"tables/{table.name}.copy"]
            if (digest.rows, digest.text) != (said["rows"], said["digest"]):
                message = f"the rows of {table.name} are not what they were"
                raise StackError(message)


def drill(restore: Callable[[StackHome, Settings], dict[str, Any]], settings: Settings, say: Say) -> None:
    """Restores with embedded servers, computes every pilot's scorecard from what is there, and removes all of it."""
    folder = Path(tempfile.mkdtemp(prefix="pp-drill-"))
    folder.chmod(0o711)
    own = settings.model_copy(update={"home": folder / "home", "database_url": None, "redis_url": None})
    home = StackHome(own.home)
    try:
        manifest = restore(home, own)
        rows = sum(part.get("rows", 0) for part in manifest["parts"].values())
        waiting = sum(part.get("entries", 0) for part in manifest["parts"].values())
        say(f"{rows} rows of {len(manifest['database']['tables'])} tables are what they were; {waiting} events wait in Redis")
        with attached(home, own, lambda _: None) as servers:
            _say_pilots(servers.database_url, own, say)
    finally:
        if home.root.exists():
            remove_installation(home, own)
        shutil.rmtree(folder, ignore_errors=True)


def _say_pilots(database_url: str, settings: Settings, say: Say) -> None:
    engine = make_engine(database_url, pool_size=1)
    factory = make_session_factory(engine, texts=open_texts(settings))
    try:
        with factory() as session:
            names = [pilot.name for pilot in list_pilots(session)]
        for name in names:
            try:
                coverage = compute_scorecard(factory, name).coverage
            except ServiceError as error:
                message = f"the scorecard of {name} cannot be computed: {error}"
                raise StackError(message) from error
            counted = sum(coverage.by_reason.values())
            if counted != coverage.production_requests:
                message = f"the ledger of {name} adds up to {counted}, there were {coverage.production_requests} requests"
                raise StackError(message)
            say(f"{name}: {coverage.production_requests} requests, and the ledger adds up to them")
    finally:
        engine.dispose()
