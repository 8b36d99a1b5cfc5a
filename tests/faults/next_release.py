"""A later release's migration, for a stack that runs: `python -m tests.faults.next_release URL FOLDER up|down`.

It adds a column to the table that the recorder writes into, so that it has to wait for whoever reads there.
"""

import shutil
import sys
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import text

from app.store import migrate
from app.store.session import make_engine
from tests.running import ROOT

REVISION = "9999_next_release"
COLUMN = "of_the_next_release"
SCRIPT = '''"""A column of the next release."""

from alembic import op
import sqlalchemy as sa

revision = "{revision}"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("exchanges", sa.Column("{column}", sa.Integer))


def downgrade() -> None:
    op.drop_column("exchanges", "{column}")
'''


def checked_out(folder: Path) -> Path:
    """A checkout of the next release as far as migrations go: those of this one, and one more."""
    if not (folder / "migrations").exists():
        head = ScriptDirectory.from_config(migrate.alembic_configuration("")).get_current_head()
        shutil.copy(ROOT / "alembic.ini", folder)
        shutil.copytree(ROOT / "migrations", folder / "migrations")
        script = SCRIPT.format(revision=REVISION, head=head, column=COLUMN)
        (folder / "migrations" / "versions" / f"{REVISION}.py").write_text(script)
    return folder


def has_column(database_url: str) -> bool:
    """Whether the next release's schema is there."""
    engine = make_engine(database_url, pool_size=1)
    try:
        with engine.connect() as connection:
            found = connection.execute(
                text("SELECT 1 FROM information_schema.columns WHERE table_name = 'exchanges' AND column_name = :name"),
                {"name": COLUMN},
            )
            return found.first() is not None
    finally:
        engine.dispose()


def main() -> None:
    """As that release would, and back again."""
    url, folder, way = sys.argv[1:]
    migrate.ROOT = checked_out(Path(folder))
    if way == "up":
        migrate.upgrade_database(url)
    else:
        command.downgrade(migrate.alembic_configuration(url), "-1")


if __name__ == "__main__":
    main()
