"""Signing in with name and password, signing out, and a person's own password."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from prometheus_client import Counter
from sqlalchemy.orm import Session

from app.domain.access import Principal
from app.domain.people import Credentials, Person, PersonSession
from app.errors import InvalidInput, NotAuthenticated, Problem, TooManyAttempts
from app.pipeline.access import authenticate
from app.pipeline.people_limits import SignInLimits
from app.pipeline.people_passwords import LONGEST, Passwords, check_password
from app.pipeline.people_sessions import SessionTerms, begin_session, find_session
from app.store import people as store
from app.store import people_sessions
from app.store.audit import record
from app.store.session import SessionFactory, session_scope

ATTEMPTS = Counter("pilot_sign_ins_total", "Attempts to sign in, by what was given and what became of it", ["given", "outcome"])
OUTCOMES = {
    "password": ("done", "wrong", "disabled", *(f"limited_{kind}" for kind in ("address", "name", "browser", "busy"))),
    "key": ("done", "wrong", "limited_key"),
}
for _given, _outcomes in OUTCOMES.items():
    for _outcome in _outcomes:
        ATTEMPTS.labels(_given, _outcome)
# Who tried is not known; no person and no key can have this name.
STRANGER = "visitor"
WRONG = "the name or the password is wrong"
DISABLED = "this person may not sign in any more; ask an admin"


@dataclass(frozen=True, slots=True)
class SignIns:
    """What signing in takes."""

    session_factory: SessionFactory
    pepper: str
    passwords: Passwords = field(default_factory=Passwords)
    limits: SignInLimits = field(default_factory=SignInLimits)
    terms: SessionTerms = field(default_factory=SessionTerms)

    def sign_in(self, name: str, password: str, *, address: str, browser: str | None = None) -> tuple[Person, str]:
        """The person, and the token of a new session; `NotAuthenticated`, `TooManyAttempts`."""
        try:
            self.limits.take_password(address=address, name=name, browser=browser)
            found = self._find(name)
            is_right = self.passwords.is_right(password, None if found is None else found.password_hash)
        except TooManyAttempts as error:
            ATTEMPTS.labels("password", f"limited_{error.facts.get('limit', 'busy')}").inc()
            raise
        if found is None or not is_right or found.person.disabled_at is not None:
            raise self._refused(found, address, is_right=is_right)
        opened = self._open(found, password, address)
        ATTEMPTS.labels("password", "done").inc()
        return opened

    def holder_of_key(self, key: str, *, address: str) -> Principal:
        """Who signs in with an API key; `NotAuthenticated`, `TooManyAttempts`."""
        try:
            self.limits.check_key(address)
            with self.session_factory() as session:
                principal = authenticate(session, key, self.pepper)
        except (NotAuthenticated, TooManyAttempts) as error:
            is_wrong = isinstance(error, NotAuthenticated)
            ATTEMPTS.labels("key", "wrong" if is_wrong else "limited_key").inc()
            if is_wrong:
                self.limits.note_wrong_key(address)
                self._note_failure("API key", "unknown or revoked", address)
            raise
        ATTEMPTS.labels("key", "done").inc()
        return principal

    def session_of(self, token: str, *, is_here: bool = True) -> tuple[Person, PersonSession] | None:
        """Whose session a token is, if it is not over; `is_here` False = a page asks by itself, and nobody may be there."""
        return find_session(self.session_factory, token, self.pepper, self.terms, is_here=is_here)

    def sessions_of(self, person: Person) -> list[PersonSession]:
        """A person's sessions that are not over, newest first."""
        with self.session_factory() as session:
            return people_sessions.list_sessions(session, person.id, datetime.now(UTC), self.terms.idle)

    def sign_out(self, person: Person, session_id: int) -> None:
        """Ends one session."""
        with session_scope(self.session_factory) as session:
            people_sessions.end_session(session, session_id)
            record(session, person.name, "page.sign_out")

    def end_others(self, person: Person, session_id: int) -> int:
        """Ends a person's other sessions; how many."""
        with session_scope(self.session_factory) as session:
            ended = people_sessions.end_sessions(session, person.id, but=session_id)
            record(session, person.name, "person.end_sessions", person=person.name, ended=ended)
        return ended

    def change_password(self, person: Person, present: str, chosen: str) -> str:
        """Another password for a person who knows the present one: ends all sessions, and gives the token of a new one."""
        self.limits.take_own_password(person.id)
        found = self._find(person.name)
        if found is None or not self.passwords.is_right(present, found.password_hash):
            message = "the present password is wrong"
            raise InvalidInput(message, (Problem(message, field="present"),))
        check_password(chosen, person.name, field="chosen")
        if self.passwords.is_right(chosen, found.password_hash):
            message = "choose another password than the present one"
            raise InvalidInput(message, (Problem(message, field="chosen"),))
        hashed = self.passwords.hash(chosen)
        with session_scope(self.session_factory) as session:
            same_as_before(session, found)
            changed = store.set_password(session, person.name, hashed, must_change=False)
            people_sessions.end_sessions(session, person.id)
            record(session, person.name, "person.change_password", person=person.name)
            return begin_session(session, changed, self.pepper, self.terms)

    def _find(self, name: str) -> Credentials | None:
        if len(name) > LONGEST or not name.isprintable():
            return None
        with self.session_factory() as session:
            return store.find_credentials(session, name)

    def _open(self, found: Credentials, password: str, address: str) -> tuple[Person, str]:
        is_outdated = self.passwords.is_outdated(found.password_hash)
        hashed = self.passwords.hash(password) if is_outdated else None
        with session_scope(self.session_factory) as session:
            same_as_before(session, found)
            if hashed is not None:
                store.set_password_hash(session, found.person.name, hashed)
            token = begin_session(session, found.person, self.pepper, self.terms)
            record(session, found.person.name, "page.sign_in", given="password", address=address)
        return found.person, token

    def _refused(self, found: Credentials | None, address: str, *, is_right: bool) -> NotAuthenticated:
        outcome = "disabled" if is_right else "wrong"
        ATTEMPTS.labels("password", outcome).inc()
        # A name that nobody has is not kept: often enough it is a password in the wrong field.
        name = None if found is None else found.person.name
        why = "disabled" if is_right else "no such name" if found is None else "wrong password"
        self._note_failure(name, why, address)
        return NotAuthenticated(DISABLED if is_right else WRONG)

    def _note_failure(self, name: str | None, why: str, address: str) -> None:
        with session_scope(self.session_factory) as session:
            record(session, STRANGER, "page.sign_in_failed", name=name, why=why, address=address)


def same_as_before(session: Session, found: Credentials) -> None:
    """`NotAuthenticated` if the person was disabled, or got another password, while this one was verified."""
    now = store.find_credentials(session, found.person.name, locked=True)
    if now is None or now.password_hash != found.password_hash or now.person.disabled_at is not None:
        raise NotAuthenticated(WRONG)
