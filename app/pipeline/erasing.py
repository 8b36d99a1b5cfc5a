"""Erasing what is held of a conversation or a user, with a receipt (docs/erasure.md)."""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import structlog
from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.capture.conversation import user_of
from app.capture.masking.masker import Masker
from app.domain.erasure import ErasureKind, Receipt, subject_digest
from app.domain.exchange import Json
from app.domain.pilot import Pilot
from app.errors import Conflict, InvalidInput, Problem
from app.pipeline.content import hidden_name
from app.pipeline.new_names import new_name, new_point
from app.pipeline.registration import plan_of
from app.store import erasing as store
from app.store.audit import record
from app.store.erasures import list_receipts, write_receipt
from app.store.pilots import get_pilot
from app.store.registrations import registration_of
from app.store.session import SessionFactory, session_scope
from app.store.staging import remove_staged
from app.store.text_removal import class_labels, remove_texts, wait_shortly

MOST_SUBJECT = 500
EXCHANGES_AT_ONCE = 200
TRIES, PAUSE_SECONDS = 40, 0.25
ACTION = "erasure.make"
HIDDEN = "n-"
BY_ITSELF = "service"
SUBJECTS = (ErasureKind.CONVERSATION, ErasureKind.USER)

log = structlog.get_logger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be erased, in every form in which it may be stored.

    Attributes:
        digest: Stands for it in the receipt.
        names: Of the conversation.
        user_hash: Of the user; "" = it is a conversation.
        users: How the user stands in requests that were imported.
    """

    kind: ErasureKind
    digest: str
    names: frozenset[str] = frozenset()
    user_hash: str = ""
    users: frozenset[str] = frozenset()

    def is_in(self, request: Json | None) -> bool:
        """Whether the user asked this."""
        return bool(self.users) and request is not None and user_of(request) in self.users


@dataclass(frozen=True, slots=True)
class Erased:
    """What was removed, or (`receipt` None) would be.

    Attributes:
        counts: By kind, with the first and last arrival.
        is_again: Everything was removed before: `receipt` is that of then.
    """

    counts: Mapping[str, Any]
    receipt: Receipt | None = None
    is_again: bool = False


def subject_of(pilot: Pilot, kind: ErasureKind, given: str, key: bytes) -> Subject:
    """A conversation or user as somebody outside calls it.

    Args:
        pilot: Whose.
        kind: What it is.
        given: The client's own name, or for a conversation the one that is stored.
        key: The installation's key of digests.

    Raises:
        InvalidInput: It is empty or too long, or neither a conversation nor a user.
    """
    if kind not in SUBJECTS:
        message = f"a {kind.value} is erased in another way"
        raise InvalidInput(message, (Problem(message, field="kind"),))
    if not given.strip() or len(given) > MOST_SUBJECT or not _is_storable(given):
        message = f"a {kind.value} has 1 to {MOST_SUBJECT} characters that can be stored"
        raise InvalidInput(message, (Problem(message, field="subject"),))
    if kind is ErasureKind.CONVERSATION:
        said = stored_subject(key, given)
        return Subject(kind, subject_digest(key, pilot.id, kind, said), names=frozenset({given, said}))
    user_hash = hidden_name(key, given)
    users = frozenset({given, Masker(key).placeholder("USER", given)})
    return Subject(kind, subject_digest(key, pilot.id, kind, user_hash), user_hash=user_hash, users=users)


def _is_storable(given: str) -> bool:
    """Whether it can be compared with what is stored: a name that cannot be stored is nobody's."""
    return "\0" not in given and not any("\ud800" <= each <= "\udfff" for each in given)


def stored_subject(key: bytes, conversation: str) -> str:
    """A conversation's name in the one form that both of its forms have: the keyed hash."""
    is_hidden = conversation.startswith(HIDDEN) and len(conversation) == len(HIDDEN) + len(hidden_name(key, ""))
    return conversation if is_hidden else HIDDEN + hidden_name(key, conversation)


def erase(
    factory: SessionFactory, pilot_name: str, kind: ErasureKind, given: str, *, by: str, key: bytes, dry_run: bool = False
) -> Erased:
    """Removes the texts of a conversation or user and what leads to it; asked again it says so.

    What arrived before now and is recorded later is removed by `erase_late`.

    Raises:
        NotFound: There is no such pilot.
        Conflict: Others hold the rows for long; nothing is lost by asking again.
    """
    at = datetime.now(UTC)
    with session_scope(factory) as session:
        pilot = get_pilot(session, pilot_name)
        subject = subject_of(pilot, kind, given, key)
        ids = _exchanges_of(session, pilot.id, subject)
        held = store.seen(session, pilot.id, ids)
        earlier = next((each for each in list_receipts(session, pilot.id) if each.subject_digest == subject.digest), None)
    staged = _staged_of(factory, pilot.id, subject)
    if dry_run:
        return Erased(_said(held, Counter(exchanges=held.exchanges, texts=held.texts, staged_lines=len(staged))))
    if not ids and not staged and earlier is not None:
        return Erased(_said(held, Counter()), earlier, is_again=True)
    counts = _remove(factory, pilot.id, ids, at)
    counts["staged_lines"] = _take_back(factory, staged)

    def finish(session: Session) -> Receipt:
        counts["conversations_renamed"] = _cut_names(session, pilot, ids, is_whole=kind is ErasureKind.CONVERSATION)
        counts["import_problems"] = store.blank_problems(session, pilot.id)
        counts["audit_remarks"] = store.blank_remarks(session, pilot.id)
        written = write_receipt(
            session, pilot.id, kind, subject_digest=subject.digest, by=by, counts=_said(held, counts), key=key, erased_at=at
        )
        record(session, by, ACTION, pilot.id, pilot=pilot.name, erasure=written.id, kind=kind.value, exchanges=held.exchanges)
        return written

    receipt = _patiently(factory, finish)
    return Erased(receipt.counts, receipt)


def remove_in_batches(
    factory: SessionFactory, pilot_id: int, batches: Iterator[Sequence[int]], at: datetime, *, seconds: float | None = None
) -> tuple[Counter[str], bool]:
    """Removes texts, a short transaction a batch; gives what was removed, and whether it came to the end.

    Args:
        factory: Of the process.
        pilot_id: Whose.
        batches: Numbers of exchanges.
        at: The moment they are marked with.
        seconds: After them it ends.
    """
    with factory() as session:
        classes = class_labels(session, pilot_id)
    begun, total, salt = time.monotonic(), Counter[str](), secrets.token_hex(16)
    for batch in batches:

        def remove(session: Session, batch: Sequence[int] = batch) -> Counter[str]:
            return remove_texts(session, pilot_id, batch, at, classes=classes, salt=salt)

        total.update(_patiently(factory, remove))
        if seconds is not None and time.monotonic() - begun > seconds:
            return total, False
    return total, True


def erase_late(factory: SessionFactory, pilot: Pilot, receipts: Sequence[Receipt], *, key: bytes) -> int:
    """Removes what arrived before an erasure of its conversation or user and was recorded after it; how many exchanges.

    Args:
        factory: Of the process.
        pilot: Whose.
        receipts: Those of the last days.
        key: The installation's key of digests.
    """
    found = 0
    newest = {each.subject_digest: each for each in sorted(receipts, key=lambda each: each.erased_at) if each.kind in SUBJECTS}
    for receipt in newest.values():
        with factory() as session:
            names, users = store.late_names(session, pilot.id, receipt.erased_at)
            subject = _met(receipt, pilot.id, names, users, key)
            ids = _live_of(session, pilot.id, subject, receipt.erased_at) if subject is not None else []
        if subject is None or not ids:
            continue
        _follow_up(factory, pilot, receipt, ids, key=key)
        found += len(ids)
    return found


def _follow_up(factory: SessionFactory, pilot: Pilot, receipt: Receipt, ids: Sequence[int], *, key: bytes) -> None:
    counts = _remove(factory, pilot.id, ids, receipt.erased_at)

    def finish(session: Session) -> None:
        counts["conversations_renamed"] = _cut_names(session, pilot, ids, is_whole=receipt.kind is ErasureKind.CONVERSATION)
        write_receipt(
            session, pilot.id, receipt.kind, subject_digest=receipt.subject_digest, by=BY_ITSELF,
            counts=_plain(counts) | {"late_for": receipt.id}, key=key, erased_at=receipt.erased_at,
        )  # fmt: skip

    _patiently(factory, finish)


def forget_imported(session: Session, pilot: Pilot, import_id: int, key: Callable[[], bytes]) -> int:
    """Removes from an import, in its own transaction, what belongs to erasures of before; how many exchanges."""
    receipts = [each for each in list_receipts(session, pilot.id) if each.kind in SUBJECTS]
    if not receipts:
        return 0
    by_digest = {each.subject_digest: each for each in sorted(receipts, key=lambda each: each.erased_at)}
    has_users = any(each.kind is ErasureKind.USER for each in receipts)
    rows = store.exchanges_of_import(session, import_id)
    secret = key()
    requests = dict(store.imported_requests(session, pilot.id, only=[row[0] for row in rows])) if has_users else {}
    found: dict[datetime, list[int]] = {}
    for number, conversation, arrived_at in rows:
        receipt = by_digest.get(_digest(secret, pilot.id, ErasureKind.CONVERSATION, conversation))
        user = user_of(requests[number]) if number in requests else ""
        receipt = receipt or (by_digest.get(_digest(secret, pilot.id, ErasureKind.USER, user)) if user else None)
        if receipt is not None and arrived_at <= receipt.erased_at:
            found.setdefault(receipt.erased_at, []).append(number)
    for at, ids in found.items():
        remove_texts(session, pilot.id, ids, at, classes=class_labels(session, pilot.id), salt=secrets.token_hex(16))
        _cut_names(session, pilot, ids, is_whole=False)
    return sum(map(len, found.values()))


def _digest(key: bytes, pilot_id: int, kind: ErasureKind, name: str) -> str:
    said = stored_subject(key, name) if kind is ErasureKind.CONVERSATION else hidden_name(key, name)
    return subject_digest(key, pilot_id, kind, said)


def _met(receipt: Receipt, pilot_id: int, names: Sequence[str], users: Sequence[str], key: bytes) -> Subject | None:
    """The subject of a receipt, if it is among these: nothing else tells what it was."""
    if receipt.kind is ErasureKind.USER:
        met = [each for each in users if subject_digest(key, pilot_id, receipt.kind, each) == receipt.subject_digest]
        return Subject(receipt.kind, receipt.subject_digest, user_hash=met[0]) if met else None
    same = frozenset(each for each in names if _digest(key, pilot_id, receipt.kind, each) == receipt.subject_digest)
    return Subject(receipt.kind, receipt.subject_digest, names=same) if same else None


def _exchanges_of(session: Session, pilot_id: int, subject: Subject) -> list[int]:
    if subject.kind is ErasureKind.CONVERSATION:
        return store.exchanges_of_conversations(session, pilot_id, subject.names)
    imported = [number for number, request in store.imported_requests(session, pilot_id) if subject.is_in(request)]
    return sorted({*store.exchanges_of_user(session, pilot_id, subject.user_hash), *imported})


def _live_of(session: Session, pilot_id: int, subject: Subject, until: datetime) -> list[int]:
    found = (
        store.exchanges_of_conversations(session, pilot_id, subject.names)
        if subject.names
        else store.exchanges_of_user(session, pilot_id, subject.user_hash)
    )
    return store.arrived_by(session, found, until)


def _staged_of(factory: SessionFactory, pilot_id: int, subject: Subject) -> list[tuple[int, int]]:
    """(number, import) of lines of open imports."""
    names = subject.names or None
    with factory() as session:
        lines = store.staged_lines(session, pilot_id, names)
        return [(number, of) for number, of, request in lines if names is not None or subject.is_in(request)]


def _take_back(factory: SessionFactory, staged: Sequence[tuple[int, int]]) -> int:
    if not staged:
        return 0
    with session_scope(factory) as session:
        is_open = store.hold_imports(session, {of for _, of in staged})
        gone = [(number, of) for number, of in staged if of in is_open]
        remove_staged(session, [number for number, _ in gone])
        store.take_back_lines(session, Counter(of for _, of in gone))
    return len(gone)


def _remove(factory: SessionFactory, pilot_id: int, ids: Sequence[int], at: datetime) -> Counter[str]:
    return remove_in_batches(factory, pilot_id, _batches(sorted(ids)), at)[0]


def _batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), EXCHANGES_AT_ONCE):
        yield ids[start : start + EXCHANGES_AT_ONCE]


def _patiently(factory: SessionFactory, work: Callable[[Session], Result]) -> Result:
    """Others go first: what holds the rows is tried again for some seconds."""
    for _ in range(TRIES):
        try:
            with session_scope(factory) as session:
                wait_shortly(session)
                return work(session)
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable | DeadlockDetected):
                raise
            log.info("somebody holds what is to be removed; trying again", error=type(error.orig).__name__)
        time.sleep(PAUSE_SECONDS)
    message = "somebody holds what is to be removed: ask again in a minute; what was removed until now stays removed"
    raise Conflict(message)


def _cut_names(session: Session, pilot: Pilot, ids: Collection[int], *, is_whole: bool) -> int:
    """What leads from the exchanges to somebody gets other names; they still belong together.

    Args:
        session: The transaction.
        pilot: Whose.
        ids: Exchanges without a text.
        is_whole: Only those of a conversation's exchanges that have no text: one that was recorded a moment ago is met later.
    """
    found = store.names_of(session, pilot.id, ids)
    if not found:
        return 0
    plan = plan_of(pilot, registration_of(session, pilot.id))
    shares = store.judge_shares_of(session, pilot.id)
    rate = pilot.configuration.sampling.rate
    renamed = [
        store.Renamed(each.name, new_name(pilot, plan, shares, each), new_point(each.point, (rate, *each.rates)))
        for each in found
    ]
    store.rename_conversations(session, pilot.id, renamed, is_erased=is_whole)
    store.forget_users_of(session, ids, secrets.token_hex(16))
    store.forget_digests(session, ids)
    return len(found)


def _said(held: store.Seen, counts: Counter[str]) -> dict[str, Any]:
    """Counts as a receipt has them."""
    arrivals = {"first_arrival": held.first_at, "last_arrival": held.last_at}
    moments = {name: at.astimezone(UTC).isoformat() if at is not None else None for name, at in arrivals.items()}
    return _plain(counts) | {"exchanges": held.exchanges, "bundles_of_reports": held.bundles} | moments


def _plain(counts: Counter[str]) -> dict[str, Any]:
    return {name: number for name, number in sorted(counts.items()) if number}
