"""A whole web process with something in it, for fuzzing: real PostgreSQL and Redis of its own."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from app.api.application import make_api
from app.dashboard.pages import make_pages_router
from app.domain.words import Role
from app.stack.postgres import start_postgres
from app.stack.redis import start_redis
from app.store.migrate import upgrade_database
from app.store.session import SessionFactory, make_engine, make_session_factory
from tests.api import PEPPER, bearer, key_for, services_for
from tests.fuzzing.oddities import Caller
from tests.integration.labelling import NAME, a_labelled_pilot, a_line
from tests.text_keys import PAYLOAD_KEY, known_texts

EXISTS = [NAME]
NUMBERS = [1, 2, 0, -1, 2**31, 2**63, 10**30]


@dataclass(frozen=True)
class House:
    """The process, and who may ask it."""

    web: FastAPI
    callers: list[Caller]


def furnished(session_factory: SessionFactory, home: Path, redis_url: str | None = None) -> House:
    """A pilot with pairs and a report, keys of two roles, API and pages."""
    with a_labelled_pilot(session_factory, home, *(a_line(number) for number in (1, 2))) as api:
        made = api.post(f"/api/v1/pilots/{NAME}/reports", json={"examples": True, "bundle": True})
        assert made.status_code == 201, made.text
        opened = api.post(f"/api/v1/pilots/{NAME}/imports", json={"file_key": "0" * 64})
        assert opened.status_code == 200, opened.text
    services = services_for(session_factory, home, redis_url=redis_url, payload_keys=PAYLOAD_KEY)
    web = make_api(services)
    web.include_router(make_pages_router(session_factory=session_factory, pepper=PEPPER, publish=services.publish))
    rows = ("import", "replay", "rehearsal", "report", "entry", "invoice", "erasure")
    real: dict[str, list[Any]] = {"name": EXISTS, **{f"{row}_id": NUMBERS for row in rows}}
    callers = [Caller("nobody", {}, real)]
    callers += [
        Caller(role.value, bearer(key_for(role, session_factory, f"fuzz-{role.value}")), real)
        for role in (Role.VIEWER, Role.ADMIN)
    ]
    return House(web, callers)


@contextmanager
def a_house() -> Iterator[House]:
    """The same with servers of its own, in a folder that goes."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pp-fuzz-")))
        home.chmod(0o711)
        postgres = start_postgres(home, lambda _: None)
        stack.callback(postgres.stop)
        redis = start_redis(home)
        stack.callback(redis.stop)
        upgrade_database(postgres.url)
        engine = make_engine(postgres.url)
        stack.callback(engine.dispose)
        yield furnished(make_session_factory(engine, texts=known_texts()), home, redis.url)
