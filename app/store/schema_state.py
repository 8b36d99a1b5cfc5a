"""Which revision a database has, and whether this version of the code can work with it.

Revisions only add (docs/upgrades.md), so the version before goes on with a newer schema while processes are renewed one by one.
A revision that takes something away says so in the database: `COMMENT ON TABLE alembic_version IS 'needs 0008'`.
"""

import re
from dataclasses import dataclass

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

_NEEDS = re.compile(r"needs (\d{4})")
_REVISION = re.compile(r"\d{4}")
_ABOUT = text("SELECT to_regclass('alembic_version') IS NOT NULL, obj_description(to_regclass('alembic_version'), 'pg_class')")
_REVISIONS = text("SELECT version_num FROM alembic_version")
_newest_of: dict[tuple[str | None, ...], str] = {}


@dataclass(frozen=True, slots=True)
class SchemaState:
    """What a database is and what this version wants.

    Attributes:
        there: The database's revision; `None` = it has no tables.
        needed: This version's newest.
        oldest: The least revision whose code may work with the database; `None` = any.
    """

    there: str | None
    needed: str
    oldest: str | None = None

    @property
    def is_newer(self) -> bool:
        """Whether the database is of a later version than this one."""
        return self.there is not None and _REVISION.fullmatch(self.there) is not None and self.there > self.needed

    def illness(self) -> str | None:
        """Why this version cannot work with the database, in one sentence; `None` = it can."""
        if self.there == self.needed:
            return None
        if not self.is_newer:
            return f"the database has revision {self.there or 'none'}, this version needs {self.needed}: run the migrations"
        if self.oldest is not None and self.oldest > self.needed:
            return (
                f"the database has revision {self.there}, which serves versions from {self.oldest} on; this one is of "
                f"{self.needed}: start the newer version"
            )
        return None


def read_state(connection: Connection, configuration: Config) -> SchemaState:
    """The state of the database of a connection."""
    needed = _newest(configuration)
    has_table, said = connection.execute(_ABOUT).one()
    # Not by Alembic: it makes a table object for each question, and the engine keeps each one's statement.
    there = ", ".join(connection.scalars(_REVISIONS)) or None if has_table else None
    found = _NEEDS.search(said or "")
    return SchemaState(there, needed, found[1] if found else None)


def _newest(configuration: Config) -> str:
    """Read once in a process: its code does not change, and health is asked for every few seconds."""
    places = tuple(configuration.get_main_option(name) for name in ("script_location", "version_locations"))
    if places not in _newest_of:
        _newest_of[places] = ScriptDirectory.from_config(configuration).get_current_head() or ""
    return _newest_of[places]
