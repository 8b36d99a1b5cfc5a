"""The scorecard: all estimates of a pilot and the verdict on each candidate, a deterministic replay of closed days."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy.orm import Session

from app.domain.epochs import EpochHistory
from app.domain.evidence import Evidence
from app.domain.scorecard import (
    CandidateModel,
    LedgerModel,
    Scorecard,
    Window,
)
from app.domain.words import PilotState
from app.errors import InvalidInput, Problem
from app.pipeline.canaries import canaries_of
from app.pipeline.candidate_card import Shared, candidate_card
from app.pipeline.closing import EPOCH, MICROSECOND, Selection, content_hashes, sampling_weights, select_evidence
from app.pipeline.confusions import with_confusions
from app.pipeline.control import control_of
from app.pipeline.conversations import conversations_of
from app.pipeline.coverage import ledger_model, warnings_of
from app.pipeline.epochs import epochs_of
from app.pipeline.freshness import hash_to_keep, kept_if_fresh
from app.pipeline.grading import settle_without_model
from app.pipeline.judge_spending import judge_money_of
from app.pipeline.judged_sample import sample_of
from app.pipeline.last_digits import with_stored_digits
from app.pipeline.model_sightings import fingerprint_warnings
from app.pipeline.parts.closing_parts import forget_parts
from app.pipeline.quality import Grounds, Judged, judge_quality
from app.pipeline.reconciliation import reconciliation_of
from app.pipeline.reconciliation_sides import comparable, said_by
from app.pipeline.registration import plan_of
from app.pipeline.registration_card import registration_model
from app.pipeline.scorecard_inputs import Stored, days_since, inputs_hash_of, read_inputs, read_stored
from app.store.closed_days import DailySum, close_days, hold_closing, reopened_days
from app.store.pilots import get_pilot
from app.store.scorecards import keep_scorecard
from app.store.session import SessionFactory, one_snapshot, session_scope
from app.store.touched import forget_marks, read_marks


class Computed(NamedTuple):
    """A scorecard up to the last closed day, and what it was made of; `None` = the stored one was read."""

    card: Scorecard
    stored: Stored | None


def compute_scorecard(
    session_factory: SessionFactory, pilot_name: str, as_of: datetime | None = None, *, now: datetime | None = None
) -> Scorecard:
    """Closes the days that changed and computes everything anew, unless nothing changed; what is stored is then read.

    Args:
        session_factory: Where the evidence is.
        pilot_name: Whose.
        as_of: Only days that end, and grades and labels made, not after it; default: all that is stored, up to the last
            closed day. As of an earlier moment nothing is stored.
        now: Days that are not over are open; default: the present.

    Raises:
        NotFound: If there is no such pilot.
        InvalidInput: If `as_of` has no zone, or lies beyond the calendar.
    """
    as_of = _in_utc(as_of) if as_of is not None else None
    moment = now or datetime.now(UTC)
    with one_snapshot(session_factory) as reading:
        pilot = get_pilot(reading, pilot_name)
        kept = _kept(reading, pilot_name, moment) if as_of is None else None
    if kept is not None:
        return kept
    settle_without_model(session_factory, pilot)  # what no model is asked about never waits for a worker
    with session_scope(session_factory) as session:
        hold_closing(session, pilot.id)
        if as_of is None:
            return _close(session_factory, session, pilot_name, moment).card
        with one_snapshot(session_factory) as reading:
            stored = read_stored(reading, pilot_name, as_of=as_of, now=moment)
        made, hashes, _ = make_scorecard(stored, as_of=as_of, now=moment)
        card = with_stored_digits(made)
        return card if pilot.state is PilotState.DRAFT else _with_reopened(session, pilot.id, card, hashes)


def _in_utc(as_of: datetime) -> datetime:
    """PostgreSQL knows no zones beyond 16 hours, ISO 8601 does."""
    if as_of.tzinfo is None:
        message, code = "as_of needs a zone, as in 2026-11-20T00:00:00Z", "no_zone"
    else:
        try:
            return as_of.astimezone(UTC)
        except OverflowError:
            message, code = "as_of has to be a moment of the years 1 to 9999 in UTC", "no_such_moment"
    raise InvalidInput(message, (Problem(message, field="as_of", code=code),), as_of=as_of.isoformat())


def compute_with_evidence(session_factory: SessionFactory, pilot_name: str, now: datetime) -> tuple[Scorecard, Stored]:
    """The same with all that it was made of, read once and seen in one state; `NotFound` if there is no such pilot."""
    with session_factory() as reading:
        pilot = get_pilot(reading, pilot_name)
    settle_without_model(session_factory, pilot)
    with session_scope(session_factory) as session:
        hold_closing(session, pilot.id)
        card, stored = _close(session_factory, session, pilot_name, now, with_evidence=True)
    if stored is None:
        message = "a scorecard was to be computed with its evidence, and none was read"
        raise RuntimeError(message)
    return card, stored


def _close(
    session_factory: SessionFactory, session: Session, pilot_name: str, now: datetime, *, with_evidence: bool = False
) -> Computed:
    """Closes days and stores the scorecard, unless somebody else did it while this one waited."""
    with one_snapshot(session_factory) as reading:
        kept = _kept(reading, pilot_name, now)
        if kept is not None:
            return Computed(kept, read_stored(reading, pilot_name, as_of=None, now=now) if with_evidence else None)
        stored = read_stored(reading, pilot_name, as_of=None, now=now)
        rests_on = hash_to_keep(reading, stored.pilot.id, inputs_hash_of(stored, now))
        marks = read_marks(reading, stored.pilot.id)
    made, hashes, sums = make_scorecard(stored, as_of=None, now=now)
    card = with_stored_digits(made)
    if stored.pilot.state is PilotState.DRAFT:
        return Computed(card, stored)
    close_days(session, stored.pilot.id, hashes, sums)
    forget_parts(session, stored.pilot, marks)
    forget_marks(session, stored.pilot.id, marks)
    card = _with_reopened(session, stored.pilot.id, card, hashes)
    content = card.model_dump_json(by_alias=True)
    keep_scorecard(session, stored.pilot.id, as_of=card.as_of, data_hash=card.data_hash, content=content, inputs_hash=rests_on)
    return Computed(Scorecard.model_validate_json(content), stored)  # what is read later is the very same


def _kept(reading: Session, pilot_name: str, now: datetime) -> Scorecard | None:
    """The stored scorecard of a pilot that is no draft, if nothing changed."""
    inputs = read_inputs(reading, pilot_name, as_of=None, now=now)
    if inputs.pilot.state is PilotState.DRAFT:
        return None
    return kept_if_fresh(reading, inputs.pilot.id, inputs_hash_of(inputs, now))


def _with_reopened(session: Session, pilot_id: int, card: Scorecard, hashes: dict[int, str]) -> Scorecard:
    return card.model_copy(update={"days_reopened": [day for day in reopened_days(session, pilot_id) if day in hashes]})


def make_scorecard(
    stored: Stored, *, as_of: datetime | None, now: datetime, known_hashes: Mapping[int, str] | None = None
) -> tuple[Scorecard, dict[int, str], list[DailySum]]:
    """The scorecard, the content hash of each closed day, and the daily sums: pure.

    `known_hashes`: the days' hashes that the data hash is made of, where people's names in the evidence were replaced.
    """
    pilot, evidence = stored.pilot, stored.evidence
    selection = select_evidence(pilot, evidence, now=now, as_of=as_of, ledger=stored.ledger)
    talks = conversations_of(evidence, selection)
    weights = sampling_weights(pilot, evidence, stored.ledger)
    hashes = content_hashes(evidence, selection)
    coverage = ledger_model(pilot, selection, stored.ledger)
    plan, histories = plan_of(pilot, stored.registration), _histories(stored, selection, as_of)
    now_day = days_since(pilot, as_of or now)
    sample = sample_of(pilot, plan, stored.judge_shares, evidence, talks)
    judged = sample.of(evidence, selection, talks)
    control = control_of(pilot.configuration, *judged)
    reconciliation = reconciliation_of(pilot.configuration, stored.invoices, evidence, selection, weights)
    shared = Shared(stored, selection, talks, weights, control, reconciliation)
    candidates, sums = {}, []
    for arm in pilot.candidates:
        grounds = Grounds(plan, histories[arm.name].current, now_day, sample.chance)
        quality = judge_quality(pilot, grounds, judged[0], evidence.arms[arm.name], judged[1], talks, name=arm.name)
        days = [day for day in selection.closed if day >= grounds.epoch.first_day]
        segments = with_confusions(quality.segments, stored.confusions, arm_id=arm.id, days=days)
        quality = replace(quality, segments=segments)
        candidates[arm.name] = candidate_card(shared, arm.name, quality)
        sums += _daily_sums(arm.id, quality, histories[arm.name])
    card = Scorecard(
        pilot=pilot.name,
        as_of=selection.ends_at,
        day=selection.last_day,
        window=Window(from_=pilot.starts_at, to=pilot.ends_at),
        coverage=coverage,
        candidates=candidates,
        registration=registration_model(stored.registration, stored.changes, plan, histories, selection, talks),
        data_hash=_data_hash(stored, selection, coverage, hashes if known_hashes is None else known_hashes, histories),
        days_closed=list(selection.closed),
        labels_until=newest_label(evidence),
        control=control,
        canaries=canaries_of(pilot.configuration, evidence),
        judge_sample=list(sample.shares),
        judge_money=judge_money_of(
            pilot.configuration, stored.judge_spend, grades=stored.paid_grades, waits_for=stored.judge_waits_for
        ),
        warnings=[
            *warnings_of(evidence, selection),
            *sample.warnings,
            *fingerprint_warnings(stored.sightings, pilot),
            *_of_servers(candidates),
        ],
    )
    return card, hashes, sums


def _of_servers(candidates: Mapping[str, CandidateModel]) -> list[str]:
    return [warning for candidate in candidates.values() for warning in candidate.serving.warnings]


def newest_label(evidence: Evidence) -> datetime | None:
    """When the last label that counts was made: answers come in after the last closed day, too."""
    made = [int(arm.labels.labelled_us.max()) for arm in evidence.arms.values() if len(arm.labels)]
    return EPOCH + max(made) * MICROSECOND if made else None


def _histories(stored: Stored, selection: Selection, as_of: datetime | None) -> dict[str, EpochHistory]:
    """The epochs of each candidate."""
    evidence, sightings = stored.evidence, stored.sightings
    return {
        arm.name: epochs_of(
            stored.pilot, stored.registration, stored.changes, evidence, selection,
            candidate=arm.name, sightings=sightings, as_of=as_of,
        )
        for arm in stored.pilot.candidates
    }  # fmt: skip


def _daily_sums(arm_id: int, quality: Judged, history: EpochHistory) -> list[DailySum]:
    return [
        DailySum(arm_id, segment, day, series, sums, history.number_of(day))
        for (segment, series), by_day in sorted(quality.sums.items())
        for day, sums in sorted(by_day.items())
    ]


def _data_hash(
    stored: Stored,
    selection: Selection,
    coverage: LedgerModel,
    hashes: Mapping[int, str],
    histories: Mapping[str, EpochHistory],
) -> str:
    """SHA-256 of the configuration and of everything that was counted; the same for any order of import.

    The pilot's own spend is left out: it is booked by the wall clock, and no estimate rests on it.
    """
    pilot = stored.pilot
    document: dict[str, Any] = {
        "configuration": pilot.configuration.model_dump(mode="json", exclude={"notify"}),
        "state": pilot.state.value,
        "starts_at": pilot.starts_at,
        "days": pilot.days,
        "closed": [[day, hashes[day]] for day in sorted(hashes)],
        "ledger": coverage.by_reason,
        "hours": sorted([str(e.worked_on), e.who, str(e.hours), e.kind, e.is_recurring] for e in stored.hours),
        "registration": stored.registration.hash if stored.registration is not None else None,
    }
    if invoices := comparable(stored.invoices, selection):
        document["invoices"] = said_by(invoices, pilot.configuration.incumbent.base_url)
    if stored.serving.readings or stored.serving.repeats:
        document["serving"] = stored.serving
    if stored.rehearsals:
        document["rehearsals"] = {name: each.model_dump(mode="json") for name, each in stored.rehearsals.items()}
    epochs = {name: [epoch.changes for epoch in history.epochs] for name, history in histories.items()}
    if any(len(listed) > 1 for listed in epochs.values()):
        document["epochs"] = epochs
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()
