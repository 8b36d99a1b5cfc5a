"""People who sign in with a password."""

from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.domain.people import Credentials, Person, folded
from app.domain.words import Role
from app.errors import NotFound
from app.store.reading_tables import PersonRow
from app.store.work_tables import ApiKeyRow


def hold_names(session: Session) -> None:
    """One transaction at a time gives or takes names and rights: until its end no other one does."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('parallel-pilot-people'))"))


def insert_person(session: Session, *, name: str, role: Role, password_hash: str, must_change_password: bool) -> Person:
    """Stores a person; whether the name is free was asked before, with the names held."""
    row = PersonRow(
        name=name,
        folded_name=folded(name),
        role=role.value,
        password_hash=password_hash,
        must_change_password=must_change_password,
    )
    session.add(row)
    session.flush()
    return person_of(row)


def is_person(session: Session, name: str) -> bool:
    """Whether somebody has that name, or one that people would take for it."""
    return session.scalar(select(PersonRow.id).where(PersonRow.folded_name == folded(name))) is not None


def find_credentials(session: Session, name: str, *, locked: bool = False) -> Credentials | None:
    """The person of a name and the hash of the password; `locked`: nobody changes either until the end."""
    query = select(PersonRow).where(PersonRow.folded_name == folded(name))
    row = session.scalar(query.with_for_update() if locked else query)
    return None if row is None else Credentials(person_of(row), row.password_hash)


def get_person(session: Session, name: str) -> Person:
    """The person of a name; `NotFound`. Nobody else changes it until the end of the transaction."""
    return person_of(_row(session, name))


def list_people(session: Session) -> list[Person]:
    """All people, disabled ones too, by name."""
    return [person_of(row) for row in session.scalars(select(PersonRow).order_by(PersonRow.folded_name))]


def has_people(session: Session) -> bool:
    """Whether there is anybody who can sign in."""
    return session.scalar(select(PersonRow.id).where(PersonRow.disabled_at.is_(None)).limit(1)) is not None


def has_other_admin(session: Session, person_id: int | None) -> bool:
    """Whether an enabled person but that one is an admin."""
    others = select(PersonRow.id).where(PersonRow.role == Role.ADMIN.value, PersonRow.disabled_at.is_(None))
    if person_id is not None:
        others = others.where(PersonRow.id != person_id)
    return session.scalar(others.limit(1)) is not None


def has_admin_key(session: Session, *, but: str | None = None) -> bool:
    """Whether a valid API key, but the one of that name, is an admin's."""
    found = select(ApiKeyRow.id).where(ApiKeyRow.role == Role.ADMIN.value, ApiKeyRow.revoked_at.is_(None))
    if but is not None:
        found = found.where(ApiKeyRow.name != but)
    return session.scalar(found.limit(1)) is not None


def set_role(session: Session, name: str, role: Role) -> Person:
    """Gives a person another role."""
    return _changed(session, name, role=role.value)


def set_disabled(session: Session, name: str, *, disabled: bool) -> Person:
    """Shuts a person out from now on, or lets the person in again."""
    return _changed(session, name, disabled_at=func.now() if disabled else None)


def set_password(session: Session, name: str, password_hash: str, *, must_change: bool) -> Person:
    """Another password."""
    return _changed(session, name, password_hash=password_hash, must_change_password=must_change, password_set_at=func.now())


def set_password_hash(session: Session, name: str, password_hash: str) -> None:
    """The same password, hashed with other parameters."""
    _changed(session, name, password_hash=password_hash)


def person_of(row: PersonRow) -> Person:
    """What is known of a person beside the password."""
    return Person(
        row.id,
        row.name,
        Role(row.role),
        row.must_change_password,
        row.created_at,
        row.password_set_at,
        row.last_seen_at,
        row.disabled_at,
    )


def _changed(session: Session, name: str, **values: Any) -> Person:
    row = _row(session, name)
    for column, value in values.items():
        setattr(row, column, value)
    session.flush()
    session.refresh(row)
    return person_of(row)


def _row(session: Session, name: str) -> PersonRow:
    row = session.scalar(select(PersonRow).where(PersonRow.folded_name == folded(name)).with_for_update())
    if row is None:
        message = f"there is no person named {name!r}"
        raise NotFound(message, person=name)
    return row
