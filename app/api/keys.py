"""API keys, for admins."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.api.dependencies import Admin, ServicesDep
from app.domain.access import ApiKey
from app.domain.words import Role
from app.pipeline.access import MAX_NAME_LENGTH, issue_key
from app.pipeline.people import revoke_key_but_the_last
from app.store.keys import list_keys
from app.store.session import session_scope

router = APIRouter(prefix="/keys", tags=["keys"])


class NewKey(BaseModel):
    """What a key is to be called and to be allowed."""

    name: str = Field(min_length=1, max_length=MAX_NAME_LENGTH)
    role: Role


class KeyBody(BaseModel):
    """A key without the key."""

    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None


class IssuedKey(KeyBody):
    """A new key: `key` is shown this once and never again."""

    key: str


@router.post("", status_code=201)
def create_api_key(services: ServicesDep, who: Admin, new: NewKey) -> IssuedKey:
    """Makes a key; the answer is the only place where it is ever shown."""
    with session_scope(services.session_factory) as session:
        key, stored = issue_key(session, new.name, new.role, services.pepper, by=who.name)
        return IssuedKey(key=key, **_fields(stored))


@router.get("")
def list_api_keys(services: ServicesDep, _: Admin) -> list[KeyBody]:
    """All keys, revoked ones too."""
    with session_scope(services.session_factory) as session:
        return [KeyBody(**_fields(stored)) for stored in list_keys(session)]


@router.delete("/{name:path}")
def revoke_api_key(services: ServicesDep, who: Admin, name: str) -> KeyBody:
    """Ends a key from now on; it stays listed. The last one of an admin is kept where no person is an admin."""
    with session_scope(services.session_factory) as session:
        return KeyBody(**_fields(revoke_key_but_the_last(session, name, by=who.name)))


def _fields(stored: ApiKey) -> dict[str, str | datetime | None]:
    return {"name": stored.name, "role": stored.role, "created_at": stored.created_at, "revoked_at": stored.revoked_at}
