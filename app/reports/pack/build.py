"""From one candidate's figures to page one."""

from app.domain.staying import is_incumbent_allowed
from app.domain.words import Outcome
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Answer, Paragraph
from app.reports.notices import is_frozen, is_neither_fit
from app.reports.pack.confidence import confidence_level, confidence_words
from app.reports.pack.headlines import data_of, headlines_of
from app.reports.pack.model import Leadership
from app.reports.pack.money_words import money_facts
from app.reports.pack.quality_words import quality_words
from app.reports.pack.risks import plan_of, residency_of, risks_of, way_back_of
from app.reports.pack.service_words import service_note, service_rows
from app.reports.pack.waiting import missing_of, waiting_of


def leadership_of(
    subject: Subject, answer: Answer, warnings: tuple[Paragraph, ...], reasons: tuple[str, ...], not_tested: tuple[str, ...]
) -> Leadership:
    """Page one of a candidate, from what its answer says anyway and the figures that a leader asks for."""
    verdict = subject.card.verdict
    return Leadership(
        candidate=subject.name,
        model=subject.model,
        incumbent=subject.incumbent,
        arm=subject.arm,
        outcome=verdict.outcome,
        words=answer.words,
        sentence=answer.sentence,
        asked=_asked(subject),
        why=reasons[0] if reasons else "No reason was given.",
        provisional=answer.provisional,
        is_final=verdict.final,
        warnings=tuple(warning.text for warning in warnings),
        moving=_moving(subject),
        money=money_facts(subject),
        quality=quality_words(subject),
        service=service_rows(subject),
        service_note=service_note(subject),
        confidence_level=confidence_level(subject),
        confidence=confidence_words(subject),
        not_tested=not_tested,
        would_change=tuple(verdict.would_change),
        missing=missing_of(subject),
        waiting=waiting_of(subject),
        risks=risks_of(subject),
        way_back=way_back_of(subject),
        plan=plan_of(subject),
        residency=residency_of(subject),
        data=data_of(subject),
        headlines=headlines_of(subject, not_tested),
    )


def _moving(subject: Subject) -> tuple[str, ...]:
    return tuple(kind for kind, arm in subject.card.verdict.routing.items() if arm == subject.name)


def _asked(subject: Subject) -> str:
    verdict = subject.card.verdict
    if verdict.outcome is Outcome.MIGRATE:
        return f"To approve: all work of this pilot moves from {subject.incumbent} to {subject.name}."
    if verdict.outcome is Outcome.HYBRID:
        what = figures.names(list(_moving(subject))) or "the named kinds of work"
        rest = "stays with" if is_incumbent_allowed(subject.configuration) else "may not stay with"
        return f"To approve: moving {what} to {subject.name}; the rest {rest} {subject.incumbent}."
    if is_neither_fit(subject):
        return f"To confirm: {subject.name} is not taken, and another way is looked for, as {subject.incumbent} may not stay."
    if verdict.outcome is Outcome.DONT_MIGRATE or verdict.final:
        return f"To confirm: stay with {subject.incumbent}; the pilot of {subject.name} ends."
    if is_frozen(subject):
        return f"To confirm: stay with {subject.incumbent} until what froze the answer is settled."
    return f"To confirm: stay with {subject.incumbent} for now, and give the pilot what is missing."
