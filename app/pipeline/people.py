"""What admins do about people: add, change role, disable, enable, reset the password."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.domain.access import ApiKey
from app.domain.people import PERSON_ROLES, Person, folded
from app.domain.words import Role
from app.errors import Conflict, InvalidInput, Problem
from app.pipeline.access import NOBODY, revoke_key
from app.pipeline.people_passwords import Passwords, check_password
from app.store import people as store
from app.store.audit import record
from app.store.keys import list_keys
from app.store.people_sessions import end_sessions
from app.store.session import SessionFactory, session_scope

MAX_NAME_LENGTH = 100
# Actors of the audit log that are neither a person nor a key.
TAKEN = NOBODY | frozenset({"service", "system", "worker", "beat", "mirror", "recorder", "gateway"})


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody who shall be able to sign in."""

    name: str
    role: Role
    password: str
    must_change_password: bool = False


def add_person(factory: SessionFactory, passwords: Passwords, new: NewPerson, *, by: str) -> Person:
    """Adds a person; `InvalidInput` for a name or password that is not allowed, `Conflict` for a name that is taken."""
    name = check_name(new.name)
    _check_role(new.role)
    check_password(new.password, name)
    hashed = passwords.hash(new.password)
    with session_scope(factory) as session:
        store.hold_names(session)
        _check_free(session, name)
        added = store.insert_person(
            session, name=name, role=new.role, password_hash=hashed, must_change_password=new.must_change_password
        )
        record(session, by, "person.create", person=name, role=new.role.value)
    return added


def change_role(session: Session, name: str, role: Role, *, by: str) -> Person:
    """Gives a person another role, from now on: the sessions with the old one end."""
    _check_role(role)
    person = _held(session, name)
    if role is person.role:
        return person
    if role is not Role.ADMIN:
        _keep_an_admin(session, person)
    changed = store.set_role(session, name, role)
    end_sessions(session, person.id)
    record(session, by, "person.change_role", person=person.name, role=role.value, before=person.role.value)
    return changed


def disable_person(session: Session, name: str, *, by: str) -> Person:
    """Shuts a person out from now on; what the person did stays. Doing it again changes nothing."""
    person = _held(session, name)
    if person.disabled_at is not None:
        return person
    _keep_an_admin(session, person)
    changed = store.set_disabled(session, name, disabled=True)
    end_sessions(session, person.id)
    record(session, by, "person.disable", person=person.name)
    return changed


def enable_person(session: Session, name: str, *, by: str) -> Person:
    """Lets a disabled person in again, with the password of before."""
    person = _held(session, name)
    if person.disabled_at is None:
        return person
    changed = store.set_disabled(session, name, disabled=False)
    record(session, by, "person.enable", person=person.name)
    return changed


def reset_password(factory: SessionFactory, passwords: Passwords, name: str, password: str, *, by: str) -> Person:
    """Another password, which the person has to change at the next sign-in; all sessions end."""
    check_password(password, name)
    hashed = passwords.hash(password)
    with session_scope(factory) as session:
        person = _held(session, name)
        changed = store.set_password(session, name, hashed, must_change=True)
        end_sessions(session, person.id)
        record(session, by, "person.reset_password", person=person.name)
    return changed


def revoke_key_but_the_last(session: Session, name: str, *, by: str) -> ApiKey:
    """Ends a key; `Conflict` if without it nobody would be left who manages people and keys."""
    store.hold_names(session)
    if not store.has_other_admin(session, None) and not store.has_admin_key(session, but=name):
        message = f"without the key {name!r} there would be no admin left, neither a person nor a key; make one first"
        raise Conflict(message, key=name)
    return revoke_key(session, name, by=by)


def check_name(name: str) -> str:
    """The name as it is kept; `InvalidInput` for what is no name."""
    kept = name.strip()
    if not kept or len(kept) > MAX_NAME_LENGTH or not kept.isprintable() or "/" in kept or not kept.strip("."):
        message = f"a person's name is 1 to {MAX_NAME_LENGTH} printable characters without a slash, and not dots alone"
        raise InvalidInput(message, (Problem(message, field="name"),))
    if folded(kept) in TAKEN:
        message = f"the name {kept!r} is what the audit log calls the service itself; choose another one"
        raise InvalidInput(message, (Problem(message, field="name"),))
    return kept


def _check_free(session: Session, name: str) -> None:
    """One name is one actor: the audit log and labels speak of people and keys by their names."""
    if store.is_person(session, name):
        message = f"there is a person named {name!r}, or nearly so; choose another name"
        raise Conflict(message, person=name)
    if any(folded(key.name) == folded(name) for key in list_keys(session)):
        message = f"there is, or was, an API key named {name!r}: the audit log could not tell them apart; choose another name"
        raise Conflict(message, key=name)


def _check_role(role: Role) -> None:
    if role not in PERSON_ROLES:
        allowed = ", ".join(each.value for each in PERSON_ROLES)
        message = f"a person's role is one of {allowed}; {role.value} is for the keys of applications"
        raise InvalidInput(message, (Problem(message, field="role", code="not_allowed"),))


def _held(session: Session, name: str) -> Person:
    store.hold_names(session)
    return store.get_person(session, name)


def _keep_an_admin(session: Session, person: Person) -> None:
    if person.role is not Role.ADMIN or person.disabled_at is not None:
        return
    if not store.has_other_admin(session, person.id) and not store.has_admin_key(session):
        message = (
            f"{person.name!r} is the only person left who is an admin, and there is no admin API key: nobody could manage "
            "people and keys any more; make another person an admin first, or an API key with the role admin"
        )
        raise Conflict(message, person=person.name)
