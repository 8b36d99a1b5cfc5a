"""Decisions: who signed what under which report, as a chain in which nothing can be changed unseen."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy.orm import Session

from app.domain import text_rules
from app.domain.pilot import Pilot
from app.domain.report import Decision, StoredReport
from app.domain.words import Outcome
from app.errors import InvalidInput, NotFound, Problem
from app.reports.document import Answer, Summary
from app.store.audit import record
from app.store.decisions import decisions_of, hold_decisions, insert_decision
from app.store.pilots import get_pilot
from app.store.reports import get_report, newest_reports
from app.store.session import SessionFactory, session_scope

MOST_REASON = 2_000
# Prices and models move: nobody decides against the evidence for longer.
LONGEST_OVERRIDE = timedelta(days=366)


class Standing(StrEnum):
    """What became of a signature."""

    HOLDS = "holds"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Signing:
    """What somebody wants to sign.

    Attributes:
        outcome: What is decided.
        name: Of whoever decides, as typed.
        role: What that person is, as typed.
        report: Its number; `None` = the pilot's newest.
        candidate: `None` = the only one.
        reason: Needed where the report says otherwise.
        expires_at: Until when it holds; needed where the report says otherwise, else as long as the report's verdict.
    """

    outcome: Outcome
    name: str
    role: str
    report: int | None = None
    candidate: str | None = None
    reason: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """A decision, and what whoever signed it should know."""

    decision: Decision
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """All decisions of a pilot, oldest first, each with what became of it.

    Attributes:
        broken: The first decision whose hash is not that of what it says and of the one before; `None` = the chain is whole.
    """

    decisions: tuple[tuple[Decision, Standing], ...]
    broken: int | None


def sign_decision(session_factory: SessionFactory, pilot_name: str, signing: Signing, *, by: str, now: datetime) -> Signed:
    """Stores a signature under a report; it can be superseded by another one, and never changed.

    Args:
        session_factory: Where it is stored.
        pilot_name: Whose.
        signing: What is signed.
        by: The account that sends it.
        now: Aware.

    Raises:
        NotFound: If there is no such pilot or report, or the pilot has no report yet.
        InvalidInput: If a name, the candidate, a reason or an expiry is missing or cannot be.
    """
    with session_scope(session_factory) as session:
        pilot = get_pilot(session, pilot_name)
        report = _report(session, pilot, signing.report)
        answer = _answer(report, signing.candidate)
        _check(signing, answer, now)
        hold_decisions(session, pilot.id)
        before = decisions_of(session, pilot.id)
        unsigned = Decision(
            id=0,
            report_id=report.id,
            candidate=answer.candidate,
            verdict=answer.outcome,
            outcome=signing.outcome,
            signed_name=signing.name,
            signed_role=signing.role,
            reason=signing.reason.strip(),
            expires_at=signing.expires_at or report.provenance.expires_at,
            data_hash=report.data_hash,
            record_hash="",
            by=by,
            signed_at=now,
        )
        digest = hash_of(pilot.name, unsigned, before[-1].record_hash if before else "")
        stored = insert_decision(session, pilot.id, replace(unsigned, record_hash=digest))
        facts = {"decision": stored.id, "report": report.id, "candidate": stored.candidate, "outcome": stored.outcome.value}
        record(session, by, "decision.sign", pilot.id, **facts, override=stored.is_override)
        return Signed(stored, warnings_on(report, newest_reports(session, [pilot.id])[pilot.name], now))


def report_to_sign(session: Session, pilot: Pilot, number: int | None) -> StoredReport | None:
    """The pilot's report of that number, whole; without a number its newest; `None` = it has none."""
    if number is None:
        newest = newest_reports(session, [pilot.id]).get(pilot.name)
        return get_report(session, newest.id) if newest is not None else None
    found = get_report(session, number)
    if found.pilot != pilot.name:
        message = f"report {number} is not one of the pilot {pilot.name!r}"
        raise NotFound(message, report=number, pilot=pilot.name)
    return found


def read_record(session: Session, pilot: Pilot, now: datetime) -> Record:
    """All decisions of a pilot and whether nobody changed one behind our back."""
    found = decisions_of(session, pilot.id)
    newest = {each.candidate: each.id for each in found}
    return Record(tuple((each, _standing(each, newest, now)) for each in found), broken_at(pilot.name, found))


def warnings_on(report: StoredReport, newest: StoredReport, now: datetime) -> tuple[str, ...]:
    """What is worth knowing before a report is signed."""
    expires, found = report.provenance.expires_at, []
    if expires is not None and expires <= now:
        found.append(f"the verdict of report {report.id} expired on {expires:%d %b %Y}: prices and models have moved since")
    if newest.id != report.id:
        same = ", made from the same data" if newest.data_hash == report.data_hash else " with newer data"
        found.append(f"report {report.id} is not the newest: there is report {newest.id}{same}")
    return tuple(found)


def hash_of(pilot: str, decision: Decision, before: str) -> str:
    """SHA-256 over all that a decision says and the hash of the pilot's decision before it ("" for the first)."""
    said = {
        "before": before,
        "pilot": pilot,
        "report": decision.report_id,
        "candidate": decision.candidate,
        "verdict": decision.verdict.value,
        "outcome": decision.outcome.value,
        "name": decision.signed_name,
        "role": decision.signed_role,
        "reason": decision.reason,
        "expires_at": _utc(decision.expires_at),
        "data_hash": decision.data_hash,
        "by": decision.by,
        "signed_at": _utc(decision.signed_at),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def broken_at(pilot: str, decisions: Sequence[Decision]) -> int | None:
    """The number of the first decision that does not follow from the one before; `None` = all do."""
    before = ""
    for each in decisions:
        if hash_of(pilot, each, before) != each.record_hash:
            return each.id
        before = each.record_hash
    return None


def _utc(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at is not None else None


def _standing(decision: Decision, newest: dict[str, int], now: datetime) -> Standing:
    if newest[decision.candidate] != decision.id:
        return Standing.SUPERSEDED
    is_over = decision.expires_at is not None and decision.expires_at <= now
    return Standing.EXPIRED if is_over else Standing.HOLDS


def _report(session: Session, pilot: Pilot, number: int | None) -> StoredReport:
    found = report_to_sign(session, pilot, number)
    if found is None:
        message = f"the pilot {pilot.name!r} has no report yet: make one, then sign it"
        raise NotFound(message, pilot=pilot.name)
    return found


def _answer(report: StoredReport, candidate: str | None) -> Answer:
    answers = {answer.candidate: answer for answer in Summary.model_validate(report.document["summary"]).answers}
    named = candidate if candidate is not None or len(answers) != 1 else next(iter(answers))
    if named not in answers:
        said = f"{named!r} is none of" if named is not None else "name one of"
        raise _refused(f"candidate: {said} the report's candidates: {', '.join(answers)}", "candidate")
    return answers[named]


def _check(signing: Signing, answer: Answer, now: datetime) -> None:
    for field, value in (("name", signing.name), ("role", signing.role)):
        try:
            text_rules.name(value)
        except ValueError as error:
            raise _refused(f"{field}: {error}", field) from None
    if len(signing.reason) > MOST_REASON:
        raise _refused(f"reason: at most {MOST_REASON} characters, these are {len(signing.reason)}", "reason")
    if signing.expires_at is not None:
        _check_expiry(signing.expires_at, now)
    if signing.outcome is not answer.outcome:
        _check_override(signing, answer)


def _check_expiry(until: datetime, now: datetime) -> None:
    if until.tzinfo is None:
        raise _refused("expires_at: needs a zone, as in 2027-03-01T00:00:00Z", "expires_at")
    if until <= now:
        raise _refused(f"expires_at: must be in the future, {until.isoformat()} is over", "expires_at")
    if until > now + LONGEST_OVERRIDE:
        raise _refused(f"expires_at: at most {LONGEST_OVERRIDE.days} days from now", "expires_at")


def _check_override(signing: Signing, answer: Answer) -> None:
    said = f"the report says {answer.outcome.value} of {answer.candidate}; to decide {signing.outcome.value}"
    if not signing.reason.strip():
        raise _refused(f"reason: {said}, say why", "reason")
    if signing.expires_at is None:
        raise _refused(f"expires_at: {said}, say until when it holds", "expires_at")


def _refused(message: str, field: str) -> InvalidInput:
    return InvalidInput(message, (Problem(message, field=field),))
