"""Servers for the tests: real PostgreSQL and Redis, started once a run in a folder of its own."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from sqlalchemy import Engine, make_url, text
from sqlalchemy.orm import Session

from app.stack.postgres import start_postgres
from app.stack.redis import EmbeddedRedis, start_redis
from app.store.migrate import upgrade_database
from app.store.session import SessionFactory, make_engine, make_session_factory
from app.store.texts import TEXTS
from tests.loud_skips import pytest_terminal_summary
from tests.side_by_side import pytest_configure, pytest_xdist_make_scheduler
from tests.text_keys import PAYLOAD_KEY, known_texts

__all__ = ["pytest_configure", "pytest_terminal_summary", "pytest_xdist_make_scheduler"]

# Set it to a folder with initdb and pg_ctl to run the same tests against another version.
OTHER_POSTGRES = "PILOT_TEST_POSTGRES_BIN"
# Of every process that a test starts: what one of them stores, the test itself can read.
os.environ.setdefault("PILOT_PAYLOAD_KEYS", PAYLOAD_KEY)
# Lines of the log are no output of a command that a test reads: processes write them to standard error, and so does this one.
structlog.configure(logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger)


@pytest.fixture(scope="session")
def stack_home() -> Iterator[Path]:
    """A short folder: sockets live in it."""
    with tempfile.TemporaryDirectory(prefix="pp-test-") as folder:
        home = Path(folder)
        home.chmod(0o711)
        yield home


@pytest.fixture(scope="session")
def server_url(stack_home: Path) -> Iterator[str]:
    """URL of a PostgreSQL without durability: nothing in a test outlives the run."""
    binaries = os.environ.get(OTHER_POSTGRES)
    server = start_postgres(
        stack_home, print, binaries=Path(binaries) if binaries else None,
        options=("fsync=off", "synchronous_commit=off", "full_page_writes=off"),
    )  # fmt: skip
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def database_url(server_url: str) -> str:
    """A database migrated by Alembic, shared by all tests that roll back."""
    upgrade_database(server_url)
    return server_url


@pytest.fixture(scope="session")
def engine(database_url: str) -> Iterator[Engine]:
    made = make_engine(database_url)
    yield made
    made.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session whose outer transaction is rolled back after the test; commits inside become savepoints."""
    with engine.connect() as connection:
        outer = connection.begin()
        session = Session(
            connection, expire_on_commit=False, join_transaction_mode="create_savepoint", info={TEXTS: known_texts()}
        )
        yield session
        session.close()
        outer.rollback()


@pytest.fixture
def fresh_database_url(server_url: str, database_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """An own migrated database, for tests with several processes or real commits."""
    name = f"t_{abs(hash(request.node.nodeid)) % 10**12}"
    template = make_url(database_url).database
    admin = make_engine(make_url(server_url).set(database="postgres").render_as_string(hide_password=False))
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name AND state = 'idle'"),
            {"name": template},
        )
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def session_factory(fresh_database_url: str) -> Iterator[SessionFactory]:
    """Sessions that really commit, on a database of the test's own."""
    made = make_engine(fresh_database_url)
    yield make_session_factory(made, texts=known_texts())
    made.dispose()


@pytest.fixture(scope="session")
def redis_server(stack_home: Path) -> Iterator[EmbeddedRedis]:
    server = start_redis(stack_home)
    yield server
    server.stop()
