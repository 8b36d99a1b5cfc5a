"""Every revision goes up and down, and the model and the migrations agree."""

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from app.store.migrate import alembic_configuration, upgrade_database
from app.store.schema import METADATA
from app.store.session import make_engine


def test_every_revision_goes_down_and_up(fresh_database_url: str) -> None:
    configuration = alembic_configuration(fresh_database_url)
    revisions = [script.revision for script in ScriptDirectory.from_config(configuration).walk_revisions()]
    for _ in revisions:
        command.downgrade(configuration, "-1")
    engine = make_engine(fresh_database_url)
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    for revision in reversed(revisions):
        upgrade_database(fresh_database_url, revision)
    assert set(METADATA.tables) <= set(inspect(engine).get_table_names())
    engine.dispose()


def test_model_and_migrations_agree(fresh_database_url: str) -> None:
    engine = make_engine(fresh_database_url)
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE payloads_2026w45 PARTITION OF payloads FOR VALUES FROM ('2026-11-02') TO ('2026-11-09')")
        )
    engine.dispose()
    command.check(alembic_configuration(fresh_database_url))
