"""Who may do what: API keys, kept as HMAC-SHA256 under the server's pepper."""

import hashlib
import hmac
import secrets
from pathlib import Path

from sqlalchemy.orm import Session

from app.capture.key_files import made_once
from app.domain.access import ApiKey, Principal
from app.domain.people import folded
from app.domain.words import Role
from app.errors import Conflict, InvalidInput, NotAuthenticated, Problem
from app.store import keys
from app.store.audit import record
from app.store.people import hold_names, is_person
from app.traces.about import note_key

__all__ = ["Principal", "authenticate", "create_key", "digest_of", "load_pepper", "revoke_key"]

PREFIX = "pp_"
MAX_KEY_LENGTH = 200
MAX_NAME_LENGTH = 100
# The service itself, and somebody who was not let in.
NOBODY = frozenset({"stack", "visitor"})


def digest_of(key: str, pepper: str) -> bytes:
    """What is stored of a key."""
    return hmac.digest(pepper.encode(), key.encode("utf-8", "surrogateescape"), hashlib.sha256)


def authenticate(session: Session, key: str, pepper: str) -> Principal:
    """The holder of a key; `NotAuthenticated` if it is unknown or revoked."""
    found = keys.find_key(session, digest_of(key, pepper)) if 0 < len(key) <= MAX_KEY_LENGTH else None
    if found is None:
        message = "this API key is unknown or revoked"
        raise NotAuthenticated(message)
    note_key(found.name)
    return Principal(found.name, found.role, found.id)


def create_key(session: Session, name: str, role: Role, pepper: str, *, by: str = "stack") -> str:
    """A new key, shown once: nothing but its digest is kept."""
    key, _ = issue_key(session, name, role, pepper, by=by)
    return key


def issue_key(session: Session, name: str, role: Role, pepper: str, *, by: str) -> tuple[str, ApiKey]:
    """A new key and what is stored of it."""
    _check_name(name)
    hold_names(session)
    if is_person(session, name):
        message = f"there is a person named {name!r}, or nearly so: the audit log could not tell them apart; choose another one"
        raise Conflict(message, person=name)
    key = PREFIX + secrets.token_urlsafe(32)
    stored = keys.insert_key(session, name=name, role=role, digest=digest_of(key, pepper))
    record(session, by, "key.create", key=name, role=role.value)
    return key, stored


def revoke_key(session: Session, name: str, *, by: str = "stack") -> ApiKey:
    """Ends a key from now on."""
    revoked = keys.mark_key_revoked(session, name)
    record(session, by, "key.revoke", key=name)
    return revoked


def load_pepper(home: Path, given: str | None) -> str:
    """The secret under which keys are digested: the one given, else `PILOT_HOME/pepper`, made at first use."""
    if given:
        return given
    return made_once(home / "pepper", lambda: secrets.token_urlsafe(32) + "\n")


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > MAX_NAME_LENGTH or not name.isprintable():
        message = f"a key's name is 1 to {MAX_NAME_LENGTH} printable characters"
        raise InvalidInput(message, (Problem(message, field="name"),))
    if folded(name) in NOBODY:
        message = f"in the audit log {name!r} is nobody's key; choose another name"
        raise InvalidInput(message, (Problem(message, field="name"),))
