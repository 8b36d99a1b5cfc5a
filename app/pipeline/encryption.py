"""Keys of stored texts: how they stand, rotation, and sealing what earlier versions stored plain (docs/encryption.md)."""

import hashlib
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.fernet import Fernet

from app.capture.payload_keys import PayloadKeys
from app.errors import Conflict, TextKeyMissing
from app.store.audit import record
from app.store.data_keys import add_data_keys, newest_numbers, wrap_anew, wrapped_under, wrapping_alone
from app.store.pilots import list_pilots
from app.store.plain_texts import count_texts, seal_plain
from app.store.session import SessionFactory, session_scope
from app.store.texts import texts_of

COUNTED = 1_000_000
TURN_SECONDS = 10.0
EXCHANGES_AT_ONCE = 200
FINGERPRINT_CHARS = 16


@dataclass(frozen=True, slots=True)
class WrappingKey:
    """One of the installation's keys.

    Attributes:
        fingerprint: The beginning of its SHA-256: tells keys apart, and opens nothing.
        data_keys: How many data keys it wraps.
    """

    fingerprint: str
    data_keys: int


@dataclass(frozen=True, slots=True)
class PilotTextsState:
    """How the texts of one pilot's requests and replies are stored.

    Attributes:
        newest: The number of the data key that seals; 0 = none yet, or shredded.
        plain: As an earlier version stored them.
        sealed: By number of the data key.
    """

    pilot: str
    newest: int
    plain: int
    sealed: Mapping[int, int]
    is_shredded: bool


@dataclass(frozen=True, slots=True)
class EncryptionState:
    """How the installation's texts are kept.

    Attributes:
        place: Where its keys lie.
        is_given: They come from the setting, not from the file.
        keys: Newest first; the first one wraps.
        lost: Data keys that none of them unwraps.
        is_all: Whether all texts were counted; else the first `COUNTED`.
    """

    place: str
    is_given: bool
    keys: tuple[WrappingKey, ...]
    lost: int
    pilots: tuple[PilotTextsState, ...]
    is_all: bool


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did: data keys wrapped under the first key, data keys made, and whether a new first key was made."""

    wrapped: int
    made: int
    is_new_key: bool
    fingerprint: str


@dataclass(frozen=True, slots=True)
class SealedOld:
    """One turn: texts that were sealed, and after which exchange to go on; `None` = that was all."""

    texts: int
    next: int | None


def encryption_state(factory: SessionFactory, keys: PayloadKeys, *, most: int = COUNTED) -> EncryptionState:
    """How keys and texts stand; counting texts ends at `most`."""
    found = read_keys(keys)
    with factory() as session:
        *wrapped, lost = wrapped_under(session, found)
        counted, newest = count_texts(session, most), newest_numbers(session)
        pilots = list_pilots(session)
    sealed: dict[int, Counter[int]] = {}
    for (pilot, number), texts in counted.sealed.items():
        sealed.setdefault(pilot, Counter())[number] += texts
    states = tuple(
        PilotTextsState(
            each.name, newest.get(each.id, 0), counted.plain[each.id], sealed.get(each.id, {}), each.shredded_at is not None
        )
        for each in pilots
    )
    shown = tuple(WrappingKey(fingerprint(key), number) for key, number in zip(keys.texts(), wrapped, strict=True))
    return EncryptionState(keys.place, keys.is_given, shown, lost, states, counted.is_all)


def rotate(factory: SessionFactory, keys: PayloadKeys, by: str, *, data_keys: bool = False) -> Rotated:
    """Puts a new key first (where the keys come from the file) and wraps all data keys under the first one.

    Safe at any moment: the file has the new key before anything is wrapped under it, and keeps the old ones; all data keys
    are wrapped in one transaction. A rotation that was interrupted between the two is finished by the next one.

    Args:
        factory: Of the process.
        keys: The installation's.
        by: Who asks.
        data_keys: Also makes a new data key for every pilot.

    Raises:
        TextKeyMissing: A data key cannot be unwrapped; nothing was wrapped.
        Conflict: The setting has one key alone: who set it puts a new one first.
    """
    with wrapping_alone(factory) as session:
        was = read_keys(keys)
        if keys.is_given and not was:
            message = f"{keys.place} is set and holds no key: put one in it, or unset it"
            raise TextKeyMissing(message)
        *wrapped, lost = wrapped_under(session, was)
        if lost:
            message = f"{lost} data keys are wrapped by a key that is not in {keys.place}; nothing was changed"
            raise TextKeyMissing(message, lost=lost)
        if not was and not keys.is_given:
            keys.make()
        is_interrupted = sum(wrapped) > 0 and wrapped[0] == 0
        is_new = not keys.is_given and bool(was) and not is_interrupted
        if is_new:
            keys.put_first()
        if keys.is_given and not is_interrupted and sum(wrapped) > 0 and not data_keys:
            message = f"all data keys are under the first key of {keys.place} already: put a new one first, in every process"
            raise Conflict(message)
        now = read_keys(keys)
        number = wrap_anew(session, now)
        made = add_data_keys(session) if data_keys else 0
        first = fingerprint(keys.texts()[0])
        record(session, by, "encryption.rotate", data_keys=number, made=made, fingerprint=first)
        texts = texts_of(session).texts
    texts.forget()
    return Rotated(number, made, is_new or not was, first)


def seal_old(factory: SessionFactory, by: str, after: int = 0, *, seconds: float = TURN_SECONDS) -> SealedOld:
    """One turn at sealing what is stored plain, in short transactions; it can be ended and gone on with at any moment.

    Args:
        factory: Of the process.
        by: Who asks.
        after: The exchange at which the last turn ended.
        seconds: After them the turn ends.
    """
    begun, found = time.monotonic(), 0
    place: int | None = after
    while place is not None and time.monotonic() - begun < seconds:
        with session_scope(factory) as session:
            place, texts = seal_plain(session, place, EXCHANGES_AT_ONCE)
            found += texts
    if found:
        with session_scope(factory) as session:
            record(session, by, "encryption.encrypt_old", texts=found)
    return SealedOld(found, place)


def read_keys(keys: PayloadKeys) -> list[Fernet]:
    """The installation's keys; `TextKeyMissing` if one of them is none."""
    try:
        return keys.read()
    except (OSError, ValueError) as error:
        raise TextKeyMissing(str(error)) from error


def fingerprint(key: str) -> str:
    """Tells a key apart from others."""
    return hashlib.sha256(key.encode()).hexdigest()[:FINGERPRINT_CHARS]
