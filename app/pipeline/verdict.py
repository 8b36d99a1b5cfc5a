"""From a ruling to a verdict in words: why, what would change it, what was not tested."""

from collections.abc import Iterator

from app.domain.scorecard import VerdictModel
from app.domain.staying import is_incumbent_allowed
from app.domain.words import OTHER_SEGMENT, GateOutcome, Outcome
from app.pipeline.advice import is_neither_fit, not_tested, sentence, would_change
from app.pipeline.constraints import NEITHER_FITS
from app.pipeline.outcome import FIRST_VERDICT_DAY, Line
from app.pipeline.quality import Judged
from app.pipeline.ruling import (
    CONTROL_BROKEN,
    DRIFT,
    JUDGE_SUSPENDED,
    NOT_STARTED,
    TOO_EARLY,
    UNCALIBRATED,
    Case,
    Ruling,
    rule_on,
    trust_of,
)
from app.pipeline.split_words import names_of, split_codes, split_words

CHANGED = "changed_after_registration"

_LINES = {
    Line.CONSTRAINT: "a constraint fails, which decides on its own",
    Line.NO_SPLIT: "whatever part of the traffic moved, a required condition other than quality would fail",
    Line.WHOLE: "every required condition passes and no kind of work fails",
    Line.QUALITY: "quality fails, overall and for every registered kind of work",
    Line.ELSE: "the evidence does not decide it yet",
}


_SAYS = {GateOutcome.PASSES: "passes", GateOutcome.FAILS: "fails", GateOutcome.UNKNOWN: "is not known yet"}


def verdict_of(case: Case) -> VerdictModel:
    """The verdict on one candidate."""
    ruling = rule_on(case)
    return VerdictModel(
        outcome=ruling.outcome,
        # What is too early, or rests on nothing registered, is not said by another name either.
        provisional=ruling.wanted if ruling.codes == (UNCALIBRATED,) else None,
        final=ruling.is_final,
        reason_codes=list(dict.fromkeys(_reason_codes(case, ruling))),
        reasons=list(_reasons(case, ruling)),
        would_change=list(would_change(case, ruling)),
        not_tested=list(not_tested(case)),
        routing=_routing(case, ruling),
    )


def _reason_codes(case: Case, ruling: Ruling) -> Iterator[str]:
    yield from ruling.codes
    yield ruling.decision.line.value
    yield from split_codes(case, ruling)
    if is_neither_fit(case):
        yield NEITHER_FITS
    yield from case.gates.constraint.codes
    for gate in case.gates.models:
        if gate.outcome in (GateOutcome.FAILS, GateOutcome.UNKNOWN):
            yield f"{gate.name.value}_{gate.outcome.value}"
    if case.quality.left_out.days:
        yield "not_asked"
    if case.drift.frozen:
        yield DRIFT
    yield from case.quality.ruled.codes
    if case.changes:
        yield CHANGED


def _reasons(case: Case, ruling: Ruling) -> Iterator[str]:
    older, counted = case.older
    if older:
        when = f"{case.registered_at:%Y-%m-%d %H:%M} UTC" if case.registered_at is not None else "its start"
        share = "all" if older == counted else f"{older:,} of"
        said = f"{share} {counted:,} exchanges are older than the registration of {when}"
        yield sentence(f"{said}: they happened before it was fixed how to judge them")
    if NOT_STARTED in ruling.codes:
        yield "The pilot is a draft: nothing was fixed beforehand, so nothing is decided."
    if ruling.is_final:
        yield "The extension is used up and the candidate was not shown to be safe: stay."
    yield _in_short(case, ruling)
    yield from (sentence(words) for words in split_words(case, ruling))
    yield from (sentence(words) for words in _where_nobody_may_stay(case, ruling))
    if UNCALIBRATED in ruling.codes:
        yield _calibration(case.quality)
    if case.drift.frozen:
        frozen = "frozen: " if DRIFT in ruling.codes else ""
        yield from (sentence(f"{frozen}{reason}") for reason in case.drift.reasons)
    if CONTROL_BROKEN in ruling.codes and case.control is not None:
        yield sentence(f"frozen: {case.control.reason}")
    if JUDGE_SUSPENDED in ruling.codes and case.canaries is not None:
        yield sentence(f"frozen: {case.canaries.reason}")
    yield from (sentence(change.words) for change in case.changes)
    yield from _findings(case, ruling)


def _findings(case: Case, ruling: Ruling) -> Iterator[str]:
    """What each condition says: of what would move, of all traffic, and the quality of each registered segment."""
    moving = case.gates.operation(ruling.moved) if ruling.moved else {}
    said = [(f"for what moves, {name.value}", found.outcome, found.reason) for name, found in moving.items()]
    said += [(gate.name.value, gate.outcome, gate.reason) for gate in case.gates.models]
    said += [(f"the quality of {name}", segment.outcome, segment.reason) for name, segment in case.registered.items()]
    for what, outcome, reason in said:
        if outcome is not GateOutcome.NOT_REQUIRED:
            yield sentence(f"{what} {_SAYS[outcome]}: {reason}")


def _in_short(case: Case, ruling: Ruling) -> str:
    if TOO_EARLY in ruling.codes:
        said = f"before day {FIRST_VERDICT_DAY} only a clear no is said; today is day {case.day}"
    elif ruling.wanted is Outcome.HYBRID:
        said = f"{names_of(ruling.moved)} may move: quality passes there and so does every other required condition"
    else:
        said = _LINES[ruling.decision.line]
    return sentence(said)


def _where_nobody_may_stay(case: Case, ruling: Ruling) -> Iterator[str]:
    """Where data must stay, staying with the incumbent is no answer either."""
    if is_incumbent_allowed(case.pilot.configuration):
        return
    if is_neither_fit(case):
        for_what = "for what does not move, " if ruling.outcome is Outcome.HYBRID else ""
        yield (
            f"{for_what}neither option is fit: the data must stay, so it may not go on to the incumbent, and the candidate's "
            "quality fails"
        )
    elif ruling.outcome is Outcome.HYBRID:
        yield "what does not move may not stay with the incumbent either: the data must stay"


def _calibration(quality: Judged) -> str:
    return f"The judge is not calibrated: {trust_of(quality.model).words}."


def _routing(case: Case, ruling: Ruling) -> dict[str, str]:
    if ruling.outcome is Outcome.HYBRID:
        return dict.fromkeys(sorted(ruling.moved), case.name)
    if ruling.outcome is Outcome.MIGRATE:
        return dict.fromkeys((*case.registered, OTHER_SEGMENT), case.name)
    return {}
