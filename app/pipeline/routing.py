"""The gateway's file: which pilots there are, and where their requests go."""

import fcntl
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import orjson
import structlog

from app.domain.pilot import Pilot
from app.domain.routing import COPY_NAME, FILE_NAME, PilotRoute, Routing, routing_document
from app.domain.words import PilotState
from app.errors import ServiceError
from app.pipeline.content import strictest_level_of
from app.store.pilots import list_pilots
from app.store.session import SessionFactory

LOCK_NAME = "routing.lock"
# It holds names and addresses, no secret: a gateway that runs as another user reads it too.
MODE = 0o644

log = structlog.get_logger(__name__)


def write_routing(session_factory: SessionFactory, home: Path) -> bool:
    """Replaces the file by what the database says now; whether it changed.

    Whoever writes holds a lock from before it reads the database: the last file is of the last commit.

    Raises:
        OSError: It cannot be written.
    """
    with (home / LOCK_NAME).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with session_factory() as session:
            routing = routing_of_pilots(list_pilots(session))
        text = orjson.dumps(routing_document(routing), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        is_changed = _replace(home / FILE_NAME, text)
        _replace(home / COPY_NAME, text)
        return is_changed


def writes_routing(session_factory: SessionFactory, home: Path) -> Callable[[], None]:
    """What follows a commit that changed a pilot: whoever asked for the change is told if the gateway does not learn of it."""

    def write() -> None:
        try:
            write_routing(session_factory, home)
        except OSError as error:
            message = (
                f"the change is stored, but the gateway's file {home / FILE_NAME} cannot be written ({error.strerror}): "
                "it is tried again within seconds; the file mirror.off beside it stops all mirroring"
            )
            raise ServiceError(message) from error

    return write


def routing_of_pilots(pilots: list[Pilot]) -> Routing:
    """All that are not detached; a default pilot that was detached leaves no default."""
    routes = {pilot.name: _route(pilot) for pilot in pilots if not pilot.is_detached}
    default = next((pilot.name for pilot in pilots if pilot.is_default and not pilot.is_detached), None)
    return Routing(default=default, pilots=routes)


def _route(pilot: Pilot) -> PilotRoute:
    # The window is not looked at here: the mirror knows each request's moment, and counts what lies outside.
    return PilotRoute(
        name=pilot.name,
        incumbent_url=pilot.configuration.incumbent.base_url,
        mirrors=pilot.state is PilotState.RUNNING and pilot.mirror_on,
        strictest_level=strictest_level_of(pilot.configuration),
    )


def _replace(file: Path, text: bytes) -> bool:
    """Writes it beside and renames: a reader never meets half of it. Nothing is done where nothing changed."""
    with suppress(FileNotFoundError):
        if file.read_bytes() == text:
            return False
    handle, draft = tempfile.mkstemp(prefix=f".{FILE_NAME}.", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as new:
            new.write(text)
            new.flush()
            os.fsync(new.fileno())
        os.chmod(draft, MODE)  # noqa: PTH101 - mkstemp names it
        os.replace(draft, file)  # noqa: PTH105
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    return True
