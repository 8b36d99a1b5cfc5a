"""The key that the stack itself holds, so that its first user can make keys for others."""

from contextlib import suppress
from itertools import count

from sqlalchemy.orm import Session

from app.domain.words import Role
from app.errors import Conflict, NotAuthenticated
from app.pipeline.access import authenticate, create_key

ADMIN = "admin"


def usable_admin_key(session: Session, present: str | None, pepper: str) -> str:
    """The present key if it is valid, else a new admin's key."""
    return present if present and _is_valid(session, present, pepper) else _new_key(session, pepper)


def _is_valid(session: Session, key: str, pepper: str) -> bool:
    """Not so after the database was replaced, or the key revoked."""
    try:
        authenticate(session, key, pepper)
    except NotAuthenticated:
        return False
    return True


def _new_key(session: Session, pepper: str) -> str:
    """Under the first free name: a name is used once."""
    for number in count(1):
        with suppress(Conflict):
            return create_key(session, ADMIN if number == 1 else f"{ADMIN}-{number}", Role.ADMIN, pepper)
    raise AssertionError
