"""A later release's migration, for a stack that runs: `python -m tests.faults.next_release URL FOLDER up|down`.

It adds a column to the table that the recorder writes into, so that it has to wait for whoever reads there.
"""

import shutil
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from app.store.migrate import alembic_configuration
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


def configuration(database_url: str, folder: Path) -> Config:
    """Alembic's, with the migrations of this release and one more."""
    made = alembic_configuration(database_url)
    scripts = folder / "migrations"
    if not scripts.exists():
        head = str(ScriptDirectory.from_config(made).get_current_head())
        shutil.copytree(ROOT / "migrations", scripts)
        script = SCRIPT.format(revision=REVISION, head=head, column=COLUMN)
        (scripts / "versions" / f"{REVISION}.py").write_text(script)
    made.set_main_option("script_location", str(scripts))
    return made


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


if __name__ == "__main__":
    made = configuration(sys.argv[1], Path(sys.argv[2]))
    if sys.argv[3] == "up":
        command.upgrade(made, "head")
    else:
        command.downgrade(made, "-1")
