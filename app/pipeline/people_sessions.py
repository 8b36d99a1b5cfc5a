"""Sessions of people: begun at sign-in with a new token, found at each request, ended in one place."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.people import Person, PersonSession
from app.pipeline.access import digest_of
from app.store import people_sessions as store
from app.store.session import SessionFactory, session_scope

# The time of the last request is not written at each one.
NOTED_EACH_SECONDS = 60.0
MAX_TOKEN_LENGTH = 200


@dataclass(frozen=True, slots=True)
class SessionTerms:
    """How long a session lasts, and how long without a request."""

    lifetime_seconds: float = 12 * 3600
    idle_seconds: float = 2 * 3600

    @property
    def noted_each(self) -> timedelta:
        """How old the noted time of the last request may be: little beside what ends a session."""
        return timedelta(seconds=min(NOTED_EACH_SECONDS, self.idle_seconds / 10))

    @property
    def idle(self) -> timedelta:
        """How long without a request."""
        return timedelta(seconds=self.idle_seconds)


def begin_session(session: Session, person: Person, pepper: str, terms: SessionTerms) -> str:
    """A new session's token, which nobody else has: only its digest is kept."""
    token = secrets.token_urlsafe(32)
    now = datetime.now(UTC)
    expires_at = now + timedelta(seconds=terms.lifetime_seconds)
    store.insert_session(session, person.id, digest_of(token, pepper), now, expires_at)
    return token


def find_session(
    factory: SessionFactory, token: str, pepper: str, terms: SessionTerms, *, is_here: bool = True
) -> tuple[Person, PersonSession] | None:
    """Whose session a token is, if it is not over; notes that the person is here, unless a page asks by itself."""
    if not 0 < len(token) <= MAX_TOKEN_LENGTH:
        return None
    now = datetime.now(UTC)
    with factory() as session:
        found = store.find_session(session, digest_of(token, pepper), now, terms.idle)
    if is_here and found is not None and now - found[1].seen_at > terms.noted_each:
        with session_scope(factory) as session:
            store.note_seen(session, found[1].id, found[0].id, now)
    return found
