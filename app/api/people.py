"""People who sign in to the pages, for admins."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field, SecretStr

from app.api.dependencies import Admin, ServicesDep
from app.domain.people import Person
from app.domain.words import Role
from app.pipeline import people as work
from app.pipeline.people_passwords import Passwords
from app.store.people import list_people
from app.store.session import session_scope

router = APIRouter(prefix="/people", tags=["people"])
# Longer ones are refused with the rule; what is far longer is not even read.
LONGEST = 2000


class NewPersonBody(BaseModel):
    """Who shall be able to sign in."""

    name: str = Field(max_length=LONGEST, description="For signing in and for the audit log; no API key has the same one.")
    role: Role = Field(description="One of viewer, labeller, operator, admin.")
    password: SecretStr = Field(
        max_length=LONGEST, description="12 to 200 characters, not the name, none of the very common ones."
    )
    must_change_password: bool = Field(default=False, description="Whether another one has to be chosen at the first sign-in.")


class RoleBody(BaseModel):
    """Another role."""

    role: Role = Field(description="One of viewer, labeller, operator, admin.")


class PasswordBody(BaseModel):
    """Another password, to be changed at the next sign-in."""

    password: SecretStr = Field(max_length=LONGEST)


class PersonBody(BaseModel):
    """A person, without anything of the password."""

    name: str
    role: Role
    must_change_password: bool
    created_at: datetime
    password_set_at: datetime
    last_seen_at: datetime | None
    disabled_at: datetime | None


def passwords_of(request: Request) -> Passwords:
    """What the process hashes passwords with."""
    found = request.app.state.passwords
    assert isinstance(found, Passwords)  # noqa: S101 - make_api puts it there
    return found


PasswordsDep = Annotated[Passwords, Depends(passwords_of)]


@router.post("", status_code=201)
def create_person(services: ServicesDep, passwords: PasswordsDep, who: Admin, new: NewPersonBody) -> PersonBody:
    """Adds a person who can sign in from now on."""
    asked = work.NewPerson(new.name, new.role, new.password.get_secret_value(), new.must_change_password)
    return _body(work.add_person(services.session_factory, passwords, asked, by=who.name))


@router.get("")
def list_all_people(services: ServicesDep, _: Admin) -> list[PersonBody]:
    """All people, disabled ones too."""
    with session_scope(services.session_factory) as session:
        return [_body(person) for person in list_people(session)]


@router.post("/{name}/role")
def change_role_of_person(services: ServicesDep, who: Admin, name: str, change: RoleBody) -> PersonBody:
    """Gives a person another role; the sessions with the old one end."""
    with session_scope(services.session_factory) as session:
        return _body(work.change_role(session, name, change.role, by=who.name))


@router.post("/{name}/disable")
def disable_person(services: ServicesDep, who: Admin, name: str) -> PersonBody:
    """Shuts a person out from now on; what the person did stays."""
    with session_scope(services.session_factory) as session:
        return _body(work.disable_person(session, name, by=who.name))


@router.post("/{name}/enable")
def enable_person(services: ServicesDep, who: Admin, name: str) -> PersonBody:
    """Lets a disabled person in again, with the password of before."""
    with session_scope(services.session_factory) as session:
        return _body(work.enable_person(session, name, by=who.name))


@router.post("/{name}/reset")
def reset_password_of_person(
    services: ServicesDep, passwords: PasswordsDep, who: Admin, name: str, change: PasswordBody
) -> PersonBody:
    """Another password, which the person has to change at the next sign-in; all sessions end."""
    password = change.password.get_secret_value()
    return _body(work.reset_password(services.session_factory, passwords, name, password, by=who.name))


def _body(person: Person) -> PersonBody:
    return PersonBody(
        name=person.name,
        role=person.role,
        must_change_password=person.must_change_password,
        created_at=person.created_at,
        password_set_at=person.password_set_at,
        last_seen_at=person.last_seen_at,
        disabled_at=person.disabled_at,
    )
