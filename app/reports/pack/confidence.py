"""How sure the answer is, in words and numbers."""

from collections.abc import Iterator

from app.domain.words import GateOutcome, Outcome
from app.reports import figures
from app.reports.context import Subject, deciding, is_corrected
from app.reports.notices import counted_days, is_frozen

LABELS_TO_TRUST = 200


def confidence_level(subject: Subject) -> str:
    """High = decided, checked by people and tried under load; medium = one of these is missing; low = few people's labels."""
    verdict = subject.card.verdict
    if is_frozen(subject):
        return "in doubt"
    if verdict.outcome is Outcome.EXTEND:
        return "too little to decide"
    if subject.card.quality.labels < LABELS_TO_TRUST:
        return "low, people checked too few answers"
    open_gates = [gate for gate in subject.card.gates if gate.outcome is GateOutcome.UNKNOWN]
    lacks = not is_corrected(subject.card.quality) or not subject.card.latency.load_tested or bool(open_gates)
    return "medium" if lacks else "high"


def confidence_words(subject: Subject) -> tuple[str, ...]:
    """What it rests on."""
    return tuple(_words(subject))


def _words(subject: Subject) -> Iterator[str]:
    card = subject.card
    rate, days = deciding(card.quality), counted_days(subject)
    if rate.value is None:
        yield "Nothing was graded yet."
    else:
        ends = figures.interval(figures.percent(rate.low), figures.percent(rate.high)) or "interval unknown"
        whose = "after correction by people" if is_corrected(card.quality) else "by judge and rules, not corrected by people"
        yield (
            f"Preferred in {figures.percent(rate.value)} of cases, a tie counting half ({ends}; {whose}); agreed limit "
            f"{figures.percent(subject.limit)}; n = {figures.count(rate.n)} conversations on {days} days."
        )
    yield _agreement(subject)
    yield _risk(subject)


def _agreement(subject: Subject) -> str:
    quality = subject.card.quality
    accuracy, kappa = quality.judge_accuracy, quality.judge_kappa
    if accuracy.value is None:
        return f"Whether the judge decides as people do is unknown: people labelled {figures.count(quality.labels)} pairs."
    beyond = f"; beyond chance (kappa) {figures.number_with_interval(kappa)}" if kappa.value is not None else ""
    return (
        f"Judge and people chose the same side in {figures.share_with_interval(accuracy)} of {figures.count(accuracy.n)} "
        f"compared pairs{beyond}."
    )


def _risk(subject: Subject) -> str:
    plan = subject.scorecard.registration.plan
    if subject.scorecard.registration.hash is None:
        return "Nothing was registered beforehand, so nothing guards against a lucky choice of limits."
    if plan is None:
        return "Limits and kinds of work were registered before evidence counted."
    return (
        f"Registered beforehand: a candidate below the limit passes in at most {figures.percent(plan.alpha)} of such "
        "pilots, however often one looks."
    )
