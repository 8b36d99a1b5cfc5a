"""Connections of a process are bounded and named; who finds none, or asks too much, is told so by name."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from app.domain.words import Role
from app.settings import Settings
from app.store.limits import PoolLimits, api_limits, most_connections, recorder_limits
from app.store.session import SessionFactory, make_engine, make_session_factory
from tests.api import an_api, bearer, key_for

SMALL = PoolLimits("pilot-small", kept=1, more=0, wait_seconds=0.2, statement_seconds=0.3, lock_seconds=0.0, idle_seconds=0.0)
LOCK = "LOCK TABLE pilots IN ACCESS EXCLUSIVE MODE"


@contextmanager
def engine_of(url: str, limits: PoolLimits) -> Iterator[Engine]:
    made = make_engine(url, limits=limits)
    yield made
    made.dispose()


def test_a_connection_carries_its_process_name_and_bounds(database_url: str) -> None:
    with engine_of(database_url, recorder_limits("recorder-7")) as engine, engine.connect() as connection:
        named = text("SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()")
        assert connection.scalar(named) == "pilot-recorder-7"
        shown = [connection.scalar(text(f"SHOW {name}")) for name in ("statement_timeout", "lock_timeout", "timezone")]
        assert shown == ["2min", "30s", "UTC"]


def test_a_connection_is_made_anew_once_it_is_old_and_kept_until_then(database_url: str) -> None:
    who = text("SELECT pg_backend_pid()")
    for renewed_seconds, is_kept in ((3600, True), (1, False)):
        made = make_engine(database_url, limits=SMALL, renewed_seconds=renewed_seconds)
        with made.connect() as connection:
            first = connection.scalar(who)
        time.sleep(1.1)
        with made.connect() as connection:
            assert (connection.scalar(who) == first) is is_kept
        made.dispose()


def test_a_page_has_a_shorter_bound_than_the_process_and_only_within_its_transaction(database_url: str) -> None:
    limits = replace(api_limits(Settings()), kept=1, more=0)
    with engine_of(database_url, limits) as engine:
        with make_session_factory(engine, statement_seconds=30)() as session:
            assert session.scalar(text("SHOW statement_timeout")) == "30s"
        with make_session_factory(engine)() as session:
            assert session.scalar(text("SHOW statement_timeout")) == "10min"


def test_an_api_without_a_free_connection_says_so_soon(
    session_factory: SessionFactory, fresh_database_url: str, tmp_path: Path
) -> None:
    key = bearer(key_for(Role.ADMIN, session_factory))
    with (
        engine_of(fresh_database_url, SMALL) as engine,
        an_api(make_session_factory(engine), tmp_path, role=None) as api,
    ):
        with engine.connect():
            began = time.monotonic()
            answer = api.get("/api/v1/pilots", headers=key)
            assert time.monotonic() - began < 10
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_busy")
        assert answer.headers["Retry-After"]
        assert api.get("/api/v1/pilots", headers=key).status_code == 200


@pytest.mark.parametrize(("lock_seconds", "code"), [(0.0, "database_too_slow"), (0.1, "database_locked")])
def test_a_statement_that_takes_too_long_is_given_up(
    session_factory: SessionFactory, fresh_database_url: str, tmp_path: Path, lock_seconds: float, code: str
) -> None:
    key = bearer(key_for(Role.ADMIN, session_factory))
    with (
        engine_of(fresh_database_url, replace(SMALL, lock_seconds=lock_seconds)) as engine,
        an_api(make_session_factory(engine), tmp_path, role=None) as api,
        session_factory() as other,
    ):
        other.execute(text(LOCK))
        answer = api.get("/api/v1/pilots", headers=key)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, code)


def test_a_transaction_that_hangs_lets_go_of_its_locks(session_factory: SessionFactory, fresh_database_url: str) -> None:
    with engine_of(fresh_database_url, replace(SMALL, idle_seconds=0.1)) as engine, make_session_factory(engine)() as hanging:
        hanging.execute(text(LOCK))
        with session_factory() as session:
            assert session.scalar(text("SELECT count(*) FROM pilots")) == 0
        with pytest.raises(DBAPIError, match="idle-in-transaction"):
            hanging.execute(text("SELECT 1"))
        hanging.invalidate()


def test_the_default_stack_fits_into_a_server_of_a_hundred_connections() -> None:
    assert most_connections(Settings(), worker_processes=4) < 97  # PostgreSQL's default, less what is kept for superusers
