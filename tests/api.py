"""A real API over a test's own database: `with an_api(...) as api: api.post(...)`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from app.api.application import make_api
from app.api.dependencies import Services
from app.domain.words import Role
from app.jobs import Job
from app.pipeline.access import create_key
from app.settings import Settings
from app.store.session import SessionFactory, session_scope

PEPPER = "a pepper for tests"

PILOT_TOML = """\
[pilot]
name = "support-bot"
[incumbent]
base_url = "https://api.openai.com/v1"
model = "gpt-5.1"
[[candidate]]
name = "qwen"
base_url = "http://vllm:8000/v1"
model = "Qwen/Qwen3.5-27B"
license = "Apache-2.0"
"""


class Published(list[tuple[Job, list[Any]]]):
    """Jobs that left, in order; call it as `publish`."""

    def __call__(self, job: Job, arguments: list[Any]) -> None:
        self.append((job, arguments))


def key_for(role: Role, session_factory: SessionFactory, name: str | None = None) -> str:
    """A new key with that role."""
    with session_scope(session_factory) as session:
        return create_key(session, name or role.value, role, PEPPER)


def bearer(key: str) -> dict[str, str]:
    """The header of a key."""
    return {"Authorization": f"Bearer {key}"}


def services_for(session_factory: SessionFactory, home: Path, *, publish: Published | None = None, **settings: Any) -> Services:
    """What a web process has, for a test."""
    made = Settings(home=home, **settings)
    return Services(made, session_factory, publish if publish is not None else Published(), PEPPER)


@contextmanager
def an_api(session_factory: SessionFactory, home: Path, *, role: Role | None = Role.ADMIN, **more: Any) -> Iterator[TestClient]:
    """A client that sends a key of that role with every request (`None`: no key)."""
    api = make_api(services_for(session_factory, home, **more))
    headers = bearer(key_for(role, session_factory, f"test-{role.value}")) if role is not None else {}
    with TestClient(api, headers=headers, raise_server_exceptions=False) as client:
        yield client
