"""Texts of pilots as the store writes and reads them: sealed with the pilot's data keys, which lie wrapped in `pilot_keys`.

`texts_of(session)` gives what seals and opens within a transaction. Unwrapped keys are kept a few seconds in each process, so
that a rotation or a shredding counts everywhere soon after it.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.errors import TextKeyMissing, TextsShredded
from app.store.text_format import KEY_BYTES, TextCipher, TextDamaged, UnknownKey

KEPT_SECONDS = 10.0
MOST_KEPT = 1000
TEXTS = "texts"
Opened = TypeVar("Opened")


class WrappingKeys(Protocol):
    """The installation's keys, which wrap data keys (`app.capture.payload_keys.PayloadKeys`)."""

    @property
    def place(self) -> str:
        """Where they come from, for messages."""

    def read(self) -> list[Fernet]:
        """All of them, newest first; none = there are none yet. `ValueError`: something there is no key."""

    def make(self) -> None:
        """Makes the first one."""


@dataclass(frozen=True, slots=True)
class PilotTexts:
    """The keys of one pilot for a moment; `shredded_at` not `None` = there are none, and never will be."""

    cipher: TextCipher
    shredded_at: datetime | None


# A key of this very transaction may be rolled back, and what an old snapshot shows may be gone: neither is kept.
_READ = text("""
SELECT p.shredded_at, k.number, k.wrapped, k.made_at < now() AS is_committed,
    extract(epoch FROM clock_timestamp() - now())::float8 AS age_seconds
FROM pilots p LEFT JOIN pilot_keys k ON k.pilot_id = p.id WHERE p.id = :pilot
""")
_HAS_KEYS = text("SELECT EXISTS (SELECT FROM pilot_keys)")
# Who rotates holds it alone: a key that is wrapped meanwhile is wrapped by the newest one.
_WRAPPING = text("SELECT pg_advisory_xact_lock_shared(hashtext('parallel-pilot-payload-keys'))")
# FOR SHARE: a shredding is either seen or waits until this key is there to be removed.
_ADD = text("""
INSERT INTO pilot_keys (pilot_id, number, wrapped)
SELECT id, 1, :wrapped FROM pilots WHERE id = :pilot AND shredded_at IS NULL FOR SHARE
ON CONFLICT DO NOTHING
""")


class Texts:
    """Seals and opens texts of every pilot; one for each process."""

    def __init__(self, wrapping: WrappingKeys, *, kept_seconds: float = KEPT_SECONDS) -> None:
        self.wrapping = wrapping
        self._kept_seconds = kept_seconds
        self._kept: dict[int, tuple[float, PilotTexts]] = {}
        self._lock = threading.Lock()
        # Raised by whoever forgets: what was read from the database before is not kept afterwards.
        self._era = 0

    def of(self, session: Session, pilot_id: int, *, is_fresh: bool = False) -> PilotTexts:
        """The keys of a pilot; `is_fresh` = read now, whatever is kept.

        Raises:
            TextKeyMissing: They cannot be unwrapped.
        """
        kept = self._kept.get(pilot_id)
        if kept is not None and not is_fresh and time.monotonic() < kept[0]:
            return kept[1]
        era = self._era
        rows = session.execute(_READ, {"pilot": pilot_id}).all()
        wrapped = {row.number: row.wrapped for row in rows if row.number is not None}
        found = PilotTexts(TextCipher(self.unwrapped(pilot_id, wrapped)), rows[0].shredded_at if rows else None)
        seconds = self._kept_seconds - max((row.age_seconds for row in rows), default=0.0)
        if rows and seconds > 0 and all(row.is_committed for row in rows if row.number is not None) and self._is_whole(found):
            self._keep(pilot_id, found, seconds, era)
        return found

    def sealing(self, session: Session, pilot_id: int) -> PilotTexts:
        """The same, with a data key that seals: made if the pilot has none; none is made for one whose texts are shredded."""
        found = self.of(session, pilot_id)
        if self._is_whole(found):
            return found
        session.execute(_WRAPPING)
        wrapped = self.wrap(session, os.urandom(KEY_BYTES))
        session.execute(_ADD, {"pilot": pilot_id, "wrapped": wrapped})
        return self.of(session, pilot_id, is_fresh=True)

    def forget(self) -> None:
        """Reads all keys anew from now on."""
        with self._lock:
            self._era += 1
            self._kept.clear()

    def wrap(self, session: Session, key: bytes) -> bytes:
        """A data key under the installation's first key, which is made if no data key needs another one."""
        keys = self._read()
        if not keys and not session.scalar(_HAS_KEYS):
            self.wrapping.make()
            keys = self._read()
        if not keys:
            raise _missing(f"{self.wrapping.place} is not there, but keys of stored texts were wrapped by it")
        return MultiFernet(keys).encrypt(key)

    def unwrapped(self, pilot_id: int, wrapped: dict[int, bytes]) -> dict[int, bytes]:
        """Data keys by their numbers; `TextKeyMissing` if one of them cannot be unwrapped."""
        if not wrapped:
            return {}
        keys = self._read()
        if not keys:
            raise _missing(f"{self.wrapping.place} is not there", pilot_id)
        try:
            return {number: MultiFernet(keys).decrypt(token) for number, token in wrapped.items()}
        except InvalidToken as error:
            raise _missing(f"none of the keys of {self.wrapping.place} unwraps the pilot's data key", pilot_id) from error

    def _read(self) -> list[Fernet]:
        try:
            return self.wrapping.read()
        except (OSError, ValueError) as error:
            raise _missing(str(error)) from error

    def _keep(self, pilot_id: int, found: PilotTexts, seconds: float, era: int) -> None:
        with self._lock:
            if era != self._era:
                return
            if len(self._kept) >= MOST_KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[pilot_id] = (time.monotonic() + seconds, found)

    @staticmethod
    def _is_whole(found: PilotTexts) -> bool:
        return found.shredded_at is not None or found.cipher.newest > 0


@dataclass(frozen=True, slots=True)
class SessionTexts:
    """Seals and opens within one session."""

    session: Session
    texts: Texts

    def shredded_at(self, pilot_id: int) -> datetime | None:
        """When the pilot's texts were shredded; `None` = they were not."""
        return self.texts.of(self.session, pilot_id).shredded_at

    def sealing(self, pilot_id: int) -> TextCipher | None:
        """Seals texts of a pilot; `None` = its texts were shredded, and none is kept any more."""
        found = self.texts.sealing(self.session, pilot_id)
        return found.cipher if found.shredded_at is None else None

    def sealer(self, pilot_id: int) -> TextCipher:
        """The same; `TextsShredded` where none is kept any more."""
        cipher = self.sealing(pilot_id)
        if cipher is None:
            raise shredded(self.shredded_at(pilot_id))
        return cipher

    def open(self, pilot_id: int, stored: bytes) -> bytes | None:
        """A stored text; `None` = it was shredded. `TextKeyMissing` where its key is not at hand."""
        return self._opened(pilot_id, lambda cipher: cipher.open(stored))

    def open_words(self, pilot_id: int, stored: str) -> str | None:
        """A stored text of a column of text; as `open`."""
        return self._opened(pilot_id, lambda cipher: cipher.open_words(stored))

    def _opened(self, pilot_id: int, open_by: Callable[[TextCipher], Opened]) -> Opened | None:
        found = self.texts.of(self.session, pilot_id)
        if found.shredded_at is not None:
            return None
        try:
            return open_by(found.cipher)
        except (UnknownKey, TextDamaged):
            # Another process may have made the key a moment ago, or shredded the texts.
            found = self.texts.of(self.session, pilot_id, is_fresh=True)
        if found.shredded_at is not None:
            return None
        try:
            return open_by(found.cipher)
        except (UnknownKey, TextDamaged) as error:
            raise _missing(str(error), pilot_id) from error


def texts_of(session: Session) -> SessionTexts:
    """What seals and opens texts in this session.

    Raises:
        RuntimeError: Its factory was made without `texts`: whoever makes one where texts are touched says under which keys.
    """
    texts: Any = session.info.get(TEXTS)
    if texts is None:
        message = "a text is read or written in a session whose factory was made without `texts`"
        raise RuntimeError(message)
    return SessionTexts(session, texts)


def shredded(at: datetime | None) -> TextsShredded:
    """What is said of a pilot whose texts were shredded."""
    return TextsShredded(words_of_shredding(at), shredded_at=at)


def words_of_shredding(at: datetime | None) -> str:
    """The same in a sentence, for people."""
    when = f" on {at:%Y-%m-%d}" if at is not None else ""
    return f"the pilot's texts were shredded{when}: they cannot be read again; its figures stay"


def _missing(message: str, pilot_id: int | None = None) -> TextKeyMissing:
    facts = {} if pilot_id is None else {"pilot_id": pilot_id}
    return TextKeyMissing(f"stored texts cannot be read or written now: {message} (docs/encryption.md)", **facts)
