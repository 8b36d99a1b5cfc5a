"""People who sign in with a password, and their sessions."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from app.domain.words import Role

PERSON_ROLES = (Role.VIEWER, Role.LABELLER, Role.OPERATOR, Role.ADMIN)


def folded(name: str) -> str:
    """What two names have in common that people would take for the same one: `Ada ` and `ada`."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


@dataclass(frozen=True, slots=True)
class Person:
    """A stored person, without the password's hash."""

    id: int
    name: str
    role: Role
    must_change_password: bool
    created_at: datetime
    password_set_at: datetime
    last_seen_at: datetime | None
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Credentials:
    """A person with what a password is compared with."""

    person: Person
    password_hash: str


@dataclass(frozen=True, slots=True)
class PersonSession:
    """A person's session in one browser."""

    id: int
    person_id: int
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
