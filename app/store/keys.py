"""API keys: only digests are stored."""

import hmac

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.access import ApiKey
from app.domain.words import Role
from app.errors import Conflict, NotFound
from app.store.work_tables import ApiKeyRow


def insert_key(session: Session, *, name: str, role: Role, digest: bytes) -> ApiKey:
    """Stores a key's digest; a name is used once, also after a revocation: the audit log speaks of it."""
    if session.scalar(select(ApiKeyRow.id).where(ApiKeyRow.name == name)) is not None:
        message = f"there is, or was, a key named {name!r}; choose another name"
        raise Conflict(message, key=name)
    row = ApiKeyRow(name=name, role=role.value, digest=digest)
    session.add(row)
    session.flush()
    return _key(row)


def find_key(session: Session, digest: bytes) -> ApiKey | None:
    """The valid key of that digest."""
    row = session.scalar(select(ApiKeyRow).where(ApiKeyRow.digest == digest, ApiKeyRow.revoked_at.is_(None)))
    return _key(row) if row is not None and hmac.compare_digest(row.digest, digest) else None


def find_key_named(session: Session, name: str) -> ApiKey | None:
    """The valid key of that name."""
    row = session.scalar(select(ApiKeyRow).where(ApiKeyRow.name == name, ApiKeyRow.revoked_at.is_(None)))
    return None if row is None else _key(row)


def list_keys(session: Session) -> list[ApiKey]:
    """All keys, revoked ones too, oldest first."""
    return [_key(row) for row in session.scalars(select(ApiKeyRow).order_by(ApiKeyRow.id))]


def mark_key_revoked(session: Session, name: str) -> ApiKey:
    """Ends a key; ending it again changes nothing. `NotFound` if there is none of that name."""
    row = session.scalar(select(ApiKeyRow).where(ApiKeyRow.name == name).with_for_update())
    if row is None:
        message = f"there is no key named {name!r}"
        raise NotFound(message, key=name)
    if row.revoked_at is None:
        row.revoked_at = session.scalar(select(func.now()))
        session.flush()
    return _key(row)


def _key(row: ApiKeyRow) -> ApiKey:
    return ApiKey(row.id, row.name, Role(row.role), row.created_at, row.revoked_at)
