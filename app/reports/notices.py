"""What a reader of page one must not miss: what freezes the answer, holds it back or was changed on the way."""

from collections.abc import Iterator

from app.domain.epochs import EpochKind
from app.domain.kinship import kin_of
from app.domain.registration_models import EpochModel
from app.domain.words import GateOutcome, Outcome
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Paragraph
from app.reports.wording import FROZEN, FROZEN_BY_CONTROL

DRIFT, CONTROL_BROKEN, LENGTH_STRADDLES = "drift", "control_broken", "length_straddles"
JUDGE_SUSPENDED = "judge_suspended"
NEITHER_FITS, NOT_STARTED = "neither_fits", "not_started"


def is_frozen(subject: Subject) -> bool:
    """Whether the comparison itself is in doubt, whatever its numbers say."""
    return bool({DRIFT, CONTROL_BROKEN, JUDGE_SUSPENDED} & set(subject.card.verdict.reason_codes))


def is_neither_fit(subject: Subject) -> bool:
    """Whether staying is not allowed and moving is not good enough."""
    verdict = subject.card.verdict
    return verdict.outcome is Outcome.DONT_MIGRATE and NEITHER_FITS in verdict.reason_codes


def notices(subject: Subject) -> tuple[Paragraph, ...]:
    """The most important first."""
    said = (*_frozen(subject), *_kin(subject), *_held_back(subject), *_epoch(subject), *_critical(subject))
    said += (*_not_on_their_own(subject), *_changes(subject))
    return tuple(Paragraph(text=text, tone="warning") for text in said)


def frozen_title(subject: Subject) -> str:
    """In three words what is to be done; an extension does not mend an unfair judge."""
    return FROZEN_BY_CONTROL if CONTROL_BROKEN in subject.card.verdict.reason_codes else FROZEN


def frozen_words(subject: Subject) -> str:
    """One sentence for the verdict itself."""
    if CONTROL_BROKEN in subject.card.verdict.reason_codes:
        because = "the judge or the set-up does not treat equal models as equal"
    elif JUDGE_SUSPENDED in subject.card.verdict.reason_codes:
        because = "the judge misses replies that were made worse on purpose"
    else:
        because = "something moved under the comparison while it ran"
    stay = f"Stay with {subject.incumbent}"
    return f"Nothing is decided, because {because}. {stay} until that is settled; no data was changed."


def _frozen(subject: Subject) -> Iterator[str]:
    """What drifted, where the reasons do not say it; a broken control even where it did not freeze this answer."""
    told = " ".join(subject.card.verdict.reasons).casefold()
    for reason in subject.card.drift.reasons:
        if reason.casefold().rstrip(".") not in told:
            yield f"Drift: {_sentence(reason)}"
    canaries = subject.scorecard.canaries
    if canaries is not None and canaries.reason and canaries.reason.casefold() not in told:
        yield _sentence(canaries.reason)
    control = subject.scorecard.control
    if control is not None and control.is_broken and (not control.reason or control.reason.casefold() not in told):
        yield f"The control is out of order: {_sentence(control.reason or 'the incumbent does not draw with itself')}"


def _kin(subject: Subject) -> Iterator[str]:
    judge = subject.configuration.judge
    kin = list(kin_of(judge, subject.configuration)) if judge is not None else []
    if kin:
        said = " and ".join(f"{relation} {who}" for relation, who in kin)
        yield f"The judge is {said}, which this pilot allows: models prefer their kin, so its word may be partial."


def _held_back(subject: Subject) -> Iterator[str]:
    quality = subject.card.quality
    on = (
        ""
        if quality.passed_on is None
        else f" It was shown to be good enough on day {quality.passed_on}, which no longer holds."
    )
    if quality.is_falling:
        level = f" {_level(subject)}" if quality.end_level is not None else ""
        yield f"The answers of {subject.name} are getting worse.{level}{on if quality.is_held_back else ''}"
    elif quality.is_held_back and LENGTH_STRADDLES not in subject.card.verdict.reason_codes:
        yield f"Held back: the latest days do not show that {subject.name} keeps its level. {_level(subject)}{on}".strip()


def _level(subject: Subject) -> str:
    quality = subject.card.quality
    if quality.end_level is None:
        return ""
    week = "" if quality.last_week is None else f", its last seven days stand at {figures.percent(quality.last_week)}"
    return f"Its trend ends at {figures.percent(quality.end_level)}{week}; the limit is {figures.percent(subject.limit)}."


def counted_days(subject: Subject) -> int:
    """Days whose evidence counts: since the last change that began it anew."""
    current = _begun_anew(subject)
    return current.days if current is not None else subject.scorecard.day


def _begun_anew(subject: Subject) -> EpochModel | None:
    current = next((e for e in subject.scorecard.registration.epochs.get(subject.name, []) if e.is_current), None)
    return None if current is None or current.number == 0 else current


def _epoch(subject: Subject) -> Iterator[str]:
    current = _begun_anew(subject)
    if current is None:
        return
    yield f"{_what_changed(current)} The risk of a wrong pass that is allowed was halved, so the evidence must be stronger."


def _what_changed(epoch: EpochModel) -> str:
    arms = sorted({change.what for change in epoch.changes})
    what = f" ({figures.names(arms)})" if arms else ""
    if epoch.kind is EpochKind.MODEL:
        return (
            f"Evidence before day {epoch.first_day} was of another model{what} and does not count. "
            f"It rests on {figures.count(epoch.days)} days and {figures.count(epoch.conversations)} conversations after."
        )
    if epoch.kind is EpochKind.SAMPLE:
        return f"The sampling rate was changed during the pilot{what}: the answer rests on the sample that it takes now."
    return f"The judge or a grader was changed during the pilot{what}: all pairs were graded anew by the present one."


def _critical(subject: Subject) -> Iterator[str]:
    critical = subject.card.critical
    found = critical.by_rubric
    if found.candidate_marked:
        yield (
            f"By the rubrics' critical criteria, the judge found faults that must never happen in "
            f"{figures.count(found.candidate_marked)} of {figures.count(found.scored)} scored answers of {subject.name}, and "
            f"in {figures.count(found.incumbent_marked)} of the incumbent's. No person has said so: read them before you sign."
        )
    if not critical.marked:
        return
    of = f"{figures.count(critical.marked)} of {figures.count(critical.labelled)} labelled answers"
    yield f"People marked {of} of {subject.name} as ones that must never happen. Read them before you sign."


def _not_on_their_own(subject: Subject) -> Iterator[str]:
    """Kinds of work that move with the rest but are not shown to be good enough alone."""
    if subject.card.verdict.outcome is not Outcome.MIGRATE:
        return
    unknown = [name for name, s in subject.card.segments.items() if s.registered and s.outcome is GateOutcome.UNKNOWN]
    if unknown:
        yield (
            f"Not shown to be good enough alone: {figures.names(unknown)}. The whole is, so a weak spot there may be hidden by "
            "the rest. Watch it when you move."
        )


def _changes(subject: Subject) -> Iterator[str]:
    touched = [change for change in subject.scorecard.registration.changes if change.touches]
    if touched:
        paths = figures.names(sorted({change.path for change in touched}))
        are = "Something that the decision rests on was" if len(touched) == 1 else "Things that the decision rests on were"
        yield f"{are} changed after the start: {paths}. Before and after stand under “What was agreed beforehand”."


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
