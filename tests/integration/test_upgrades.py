"""An upgrade adds and takes nothing away, waits for nobody for long, and survives its own death."""

import io
import os
import re
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, text

from app.errors import StackError
from app.store.health import database_illness
from app.store.migrate import MigrationBlocked, alembic_configuration, upgrade_database
from app.store.schema_state import SchemaState
from app.store.session import SessionFactory, make_engine

ROOT = Path(__file__).resolve().parents[2]
BEFORE = "0006"
HEAD = ScriptDirectory.from_config(alembic_configuration("")).get_current_head() or ""
WAIT_SECONDS = 30.0


@pytest.fixture
def old_database(fresh_database_url: str) -> Iterator[Engine]:
    """A database of the version before."""
    command.downgrade(alembic_configuration(fresh_database_url), BEFORE)
    engine = make_engine(fresh_database_url)
    yield engine
    engine.dispose()


def revision(engine: Engine) -> Any:
    with engine.connect() as connection:
        return connection.scalar(text("SELECT version_num FROM alembic_version"))


COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required, a.attidentity,
    pg_get_expr(d.adbin, d.adrelid) AS default
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p') AND NOT c.relispartition
LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
"""
RULES = """
SELECT c.relname || ': ' || pg_get_constraintdef(r.oid) FROM pg_constraint AS r JOIN pg_class AS c ON c.oid = r.conrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND r.contype <> 'n'
UNION ALL SELECT tablename || ': ' || indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexdef LIKE 'CREATE UNIQUE%'
UNION ALL SELECT event_object_table || ': trigger ' || trigger_name FROM information_schema.triggers
"""
# A rule that a later revision may put on a table of an earlier one, with the reason why the code before goes on all the same.
NEW_RULES: dict[str, str] = {}


def columns(connection: Connection) -> dict[tuple[str, str], tuple[Any, ...]]:
    return {(row[0], row[1]): tuple(row[2:]) for row in connection.execute(text(COLUMNS))}


def test_the_code_before_goes_on_with_the_new_schema(old_database: Engine, fresh_database_url: str) -> None:
    """Every statement of the version before still works: all it names is there, and nothing new is asked of it."""
    with old_database.connect() as connection:
        old, old_rules = columns(connection), set(connection.scalars(text(RULES)))
    upgrade_database(fresh_database_url)
    with old_database.connect() as connection:
        new, new_rules = columns(connection), set(connection.scalars(text(RULES)))
    assert {name: new.get(name) for name in old} == old
    tables = {table for table, _ in old}
    asked = [
        name for name, (_, required, identity, default) in new.items()
        if name not in old and name[0] in tables and required and default is None and not identity
    ]  # fmt: skip
    assert asked == []
    added = {rule for rule in new_rules - old_rules if rule.partition(":")[0] in tables}
    assert added <= NEW_RULES.keys()


# What makes an old version fail, or holds a table up for long. `ALLOWED`: where it must be: by how the statement begins + why.
DANGEROUS = {
    "takes something away": r"DROP (COLUMN|TABLE|TYPE|FUNCTION)|\bRENAME\b|DROP DEFAULT|TRUNCATE|DELETE FROM",
    "rewrites or forbids what the old version writes": r"ALTER COLUMN \S+ (SET NOT NULL|TYPE|SET DATA TYPE)",
    "asks for a value that the old version does not give": r"ADD COLUMN (?!.*\bDEFAULT\b).*\bNOT NULL",
    "reads a table with writers locked out": r"ADD CONSTRAINT (?!.*\bNOT VALID\b)|CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)",
    "changes all rows at once": r"^UPDATE ",
    "runs at each write of the old version": r"CREATE (OR REPLACE )?(CONSTRAINT )?TRIGGER",
}
ALLOWED: dict[str, str] = {}


def statements_of(name: str) -> list[str]:
    """What a revision's upgrade sends, in order."""
    sent = io.StringIO()
    context = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": sent})
    (file,) = (ROOT / "migrations" / "versions").glob(f"{name}_*.py")
    with Operations.context(context):
        runpy.run_path(str(file))["upgrade"]()
    return [" ".join(statement.split()) for statement in sent.getvalue().split(";") if statement.strip()]


def dangers(statements: list[str]) -> list[str]:
    """What is dangerous among them; a table that the revision itself makes is nobody's yet."""
    own = {found[1] for each in statements if (found := re.match(r"CREATE TABLE (\S+)", each))}
    seen: list[str] = []
    for statement in statements:
        table = re.search(r"(?:ALTER TABLE|INDEX .*? ON|TRIGGER .*? ON|UPDATE|DELETE FROM) (\S+)", statement)
        if table is not None and table[1] in own:
            continue
        seen += [
            f"{why}: {statement}" for why, pattern in DANGEROUS.items()
            if re.search(pattern, statement, re.IGNORECASE) and not any(statement.startswith(begin) for begin in ALLOWED)
        ]  # fmt: skip
    return seen


@pytest.mark.parametrize("name", [f"{number:04d}" for number in range(7, int(HEAD) + 1)])
def test_a_revision_only_adds_and_holds_nobody_up(name: str) -> None:
    statements = statements_of(name)
    assert statements
    assert dangers(statements) == []


def test_what_is_dangerous_is_seen() -> None:
    later_ones = [f"{number:04d}" for number in range(2, 7)]
    seen = {line.partition(":")[0] for name in later_ones for line in dangers(statements_of(name))}
    assert {"reads a table with writers locked out", "changes all rows at once"} <= seen
    told = {
        "ALTER TABLE exchanges DROP COLUMN turn": "takes something away",
        "ALTER TABLE exchanges RENAME COLUMN turn TO step": "takes something away",
        "ALTER TABLE exchanges ADD COLUMN a TEXT NOT NULL": "asks for a value",
        "ALTER TABLE exchanges ALTER COLUMN turn SET NOT NULL": "rewrites or forbids",
        "CREATE INDEX a ON exchanges (turn)": "reads a table",
    }
    for statement, why in told.items():
        (line,) = dangers([statement])
        assert line.startswith(why)
    for fine in ("ALTER TABLE a ADD COLUMN b TEXT DEFAULT '' NOT NULL", "CREATE INDEX CONCURRENTLY a ON b (c)"):
        assert dangers([fine]) == []


def test_whoever_holds_a_migration_up_is_named_and_nothing_has_changed(old_database: Engine, fresh_database_url: str) -> None:
    holder = create_engine(fresh_database_url, connect_args={"application_name": "a long report"})
    with holder.connect() as connection:
        connection.execute(text("SELECT count(*) AS secret_word FROM exchanges"))
        with pytest.raises(MigrationBlocked, match=r"a long report \(process \d+ of PostgreSQL, user pilot, idle in") as told:
            upgrade_database(fresh_database_url, lock_seconds=1.0, patience_seconds=0.0)
        assert "secret_word" not in str(told.value)
        assert revision(old_database) == BEFORE
    holder.dispose()
    upgrade_database(fresh_database_url)
    assert revision(old_database) == HEAD


def test_a_killed_migration_leaves_the_old_schema_whole_and_the_next_one_finishes(
    old_database: Engine, fresh_database_url: str
) -> None:
    with old_database.connect() as connection:
        connection.execute(text("SELECT count(*) FROM exchanges"))
        code = f"from app.store.migrate import upgrade_database as u; u({fresh_database_url!r}, lock_seconds=2.0)"
        migrating = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=dict(os.environ))
        waits = text(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pilot-migration-%'"
            " AND datname = current_database() AND wait_event_type = 'Lock'"
        )
        until = time.monotonic() + WAIT_SECONDS
        with old_database.connect().execution_options(isolation_level="AUTOCOMMIT") as looking:
            while not looking.scalar(waits):
                assert time.monotonic() < until
                time.sleep(0.05)
        migrating.send_signal(signal.SIGKILL)
        migrating.wait()
        assert revision(old_database) == BEFORE
    with old_database.connect() as connection:
        assert connection.scalar(text("SELECT to_regclass('pilot_keys')")) is None
    upgrade_database(fresh_database_url)  # waits for what is left of the killed one
    assert revision(old_database) == HEAD


def test_a_service_says_of_an_older_schema_what_to_do(session_factory: SessionFactory, fresh_database_url: str) -> None:
    command.downgrade(alembic_configuration(fresh_database_url), BEFORE)
    assert database_illness(session_factory) == (
        f"the database has revision {BEFORE}, this version needs {HEAD}: run the migrations"
    )


def test_a_service_goes_on_with_a_newer_schema_unless_that_says_no(
    session_factory: SessionFactory, fresh_database_url: str
) -> None:
    with session_factory() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9001'"))
        session.commit()
    assert database_illness(session_factory) is None
    upgrade_database(fresh_database_url)  # nothing to do
    with session_factory() as session:
        session.execute(text("COMMENT ON TABLE alembic_version IS 'needs 9000'"))
        session.commit()
    assert "serves versions from 9000 on" in (database_illness(session_factory) or "")
    with pytest.raises(StackError, match="start the newer version"):
        upgrade_database(fresh_database_url)


@pytest.mark.parametrize(
    ("there", "oldest", "says"),
    [
        ("0007", None, None),
        (None, None, "has revision none"),
        ("0006", None, "run the migrations"),
        ("0008", None, None),
        ("0009", "0007", None),
        ("0009", "0008", "serves versions from 0008 on"),
        ("b2c1", None, "has revision b2c1"),
    ],
)
def test_what_a_version_says_of_a_schema(there: str | None, oldest: str | None, says: str | None) -> None:
    illness = SchemaState(there, "0007", oldest).illness()
    assert illness is None if says is None else says in (illness or "")
