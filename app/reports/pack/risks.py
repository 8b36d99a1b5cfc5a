"""Risks of following the answer, the way back, what happens next, and where data goes."""

from collections.abc import Iterator

from app.domain.estimate_models import MoneyEstimate
from app.domain.hosts import host_of
from app.domain.staying import is_incumbent_allowed
from app.domain.words import GateName, GateOutcome, Outcome
from app.reports import figures
from app.reports.context import Subject
from app.reports.notices import NOT_STARTED, is_frozen, is_neither_fit
from app.reports.pack.money_words import chance_of, one_off_hours, range_of

SURE_ENOUGH = 0.95
MOVES = (Outcome.MIGRATE, Outcome.HYBRID)


def risks_of(subject: Subject) -> tuple[str, ...]:
    """The most important first, each with its figure."""
    moves = subject.card.verdict.outcome in MOVES
    return tuple(_of_moving(subject) if moves else _of_staying(subject))


def _of_moving(subject: Subject) -> Iterator[str]:
    card, chance = subject.card, chance_of(subject)
    if card.critical.marked:
        n = f"{figures.count(card.critical.marked)} of {figures.count(card.critical.labelled)}"
        yield f"Harmful answers: people marked {n} labelled answers as ones that must never happen."
    elif not card.critical.labelled:
        yield "Harmful answers: no person has looked for them."
    if not card.latency.load_tested:
        yield f"Load: {subject.name} was not tried at the traffic's peak; it may be slower or fail more often there."
    if chance is None:
        yield "Money: how likely the saving is was not computed; it rests on single figures."
    elif chance < SURE_ENOUGH:
        yield f"Money: in {figures.percent(1 - chance, 0)} of the draws nothing is saved."
    yield from _weak_kinds(subject)
    upkeep = card.cost.engineering_hours.recurring_per_month.value
    if upkeep:
        yield f"People: it needs about {figures.number(upkeep, 0)} hours of upkeep every month; leave or illness counts."
    yield from (f"Drift: {warning}." for warning in card.drift.warnings[:1])
    yield f"Change: the answer is about {subject.model} and {subject.incumbent} as they were; another version begins anew."


def _weak_kinds(subject: Subject) -> Iterator[str]:
    moving = subject.card.verdict.routing
    weak = [
        name
        for name, segment in subject.card.segments.items()
        if name in moving and segment.registered and segment.outcome is not GateOutcome.PASSES
    ]
    if weak:
        yield f"Weak spots: {figures.names(weak)} would move and was not shown to be good enough alone."


def _of_staying(subject: Subject) -> Iterator[str]:
    verdict, saving = subject.card.verdict, subject.card.cost.saving_usd_per_month
    if is_neither_fit(subject):
        yield f"Rules: as long as {subject.incumbent} is used, data goes where it must not."
    yield f"Dependence: price, limits and versions of {subject.incumbent} stay in its vendor's hands."
    is_open = verdict.outcome is Outcome.EXTEND and not verdict.final
    if saving.value is not None and saving.value > 0:
        until = "while the answer is not yes" if is_open else "by staying"
        yield f"Money: moving all of it would save about {_with_range(saving)} a month; that is forgone {until}."
    if is_open:
        yield "Time: while it is open, neither the saving nor the end of the pilot can be planned."
    else:
        yield "Change: a newer open model may pass; this answer is about the one that was tested."


def _with_range(saving: MoneyEstimate) -> str:
    ends = range_of(saving)
    return f"{figures.money(saving.value)} ({ends})" if ends else figures.money(saving.value)


def way_back_of(subject: Subject) -> tuple[str, ...]:
    """How a move is undone, what tells that it must be, and what is lost."""
    if subject.card.verdict.outcome not in MOVES:
        stop = f"Nothing was moved: users only ever got {subject.incumbent}'s answers."
        return (stop, "Ending the pilot is one command (pilot stop); its records stay, so a later look starts from them.")
    return tuple(_undo(subject))


def _undo(subject: Subject) -> Iterator[str]:
    yield (
        f"Point the requests at {subject.incumbent} again: both speak the same interface, so going back changes an address, "
        "no code."
    )
    yield f"Keep the contract and the key of {subject.incumbent} until the answer expires."
    if not is_incumbent_allowed(subject.configuration):
        yield "Going back breaks the rule that data must stay: it has to be allowed first."
    limits = list(_limits(subject))
    if limits:
        yield f"Go back if a limit is broken: {'; '.join(limits)}."
    hours = one_off_hours(subject)
    today = subject.card.cost.incumbent_usd_per_month.value
    lost = f"Lost then: {figures.number(hours, 1)} one-off hours" if hours else "Lost then: the hours of the move"
    yield f"{lost}; the bill is again {figures.money(today)} a month." if today is not None else f"{lost}."


def _limits(subject: Subject) -> Iterator[str]:
    latency, reliability = subject.configuration.latency, subject.configuration.reliability
    if latency is not None and latency.total_p95_seconds is not None:
        yield f"95 of 100 answers within {figures.seconds(latency.total_p95_seconds)}"
    if latency is not None and latency.ttft_any_p95_seconds is not None:
        yield f"begin within {figures.seconds(latency.ttft_any_p95_seconds)}"
    if reliability is not None:
        yield f"failures at most {figures.small_percent(reliability.max_failure_rate)}"


def plan_of(subject: Subject) -> tuple[str, ...]:
    """What happens after the signature."""
    verdict = subject.card.verdict
    if verdict.outcome is Outcome.EXTEND and not verdict.final:
        return _plan_while_open(subject)
    if verdict.outcome not in MOVES:
        return _plan_of_staying(subject)
    what = "everything" if verdict.outcome is Outcome.MIGRATE else figures.names(list(verdict.routing))
    return (
        *(() if subject.card.latency.load_tested else ("Rehearse the traffic's peak first.",)),
        f"Route a small share of {what} to {subject.name}, then more.",
        "Watch failures, times and complaints against the limits at each step.",
        f"Keep {subject.incumbent} ready until the answer expires; then look again.",
    )


def _plan_while_open(subject: Subject) -> tuple[str, ...]:
    if NOT_STARTED in subject.card.verdict.reason_codes:
        return ("Give what is missing.", "Start the pilot; nothing changes for users.", "Read its first report.")
    if is_frozen(subject):
        settle = "Settle first what froze the answer; the reasons name it."
        return (settle, "Then extend, or begin anew; nothing changes for users.", "Read the next report, decide.")
    return ("Collect what is missing.", "Let the pilot run on; nothing changes for users.", "Read the next report, decide.")


def _plan_of_staying(subject: Subject) -> tuple[str, ...]:
    stay, end = f"Stay with {subject.incumbent}.", "End the pilot and keep its records."
    if is_neither_fit(subject):
        return ("Try a candidate, or the same model, where the data may be.", end)
    is_used_up = subject.card.verdict.outcome is Outcome.EXTEND
    return (stay, end, "Try another candidate, if wanted." if is_used_up else "Look again when a model or a price changes.")


def residency_of(subject: Subject) -> tuple[str, ...]:
    """Where texts go now and where they would; a condition of its own, never weighed in dollars."""
    return tuple(_residency(subject))


def _residency(subject: Subject) -> Iterator[str]:
    configuration = subject.configuration
    table = configuration.constraints
    yield f"Today texts go to {_host(configuration.incumbent.base_url)} ({subject.incumbent})."
    address = next((c.base_url for c in configuration.candidate if c.name == subject.name), None)
    if address is not None:
        yield f"After a move they would go to {_host(address)} ({subject.name})."
    if table is None or not table.data_must_stay:
        yield "This pilot sets no rule on where data must stay."
        return
    allowed = figures.names(list(table.allowed_hosts)) if table.allowed_hosts else "private addresses only"
    yield f"Rule: data must stay; allowed: {allowed}."
    if table.legal_basis is not None:
        yield f"Legal basis on which a vendor is asked all the same: {table.legal_basis}."
    gate = next((gate for gate in subject.card.gates if gate.name is GateName.CONSTRAINTS), None)
    if gate is not None and gate.outcome is GateOutcome.FAILS:
        yield f"The rule is broken: {gate.reason}."


def _host(address: str) -> str:
    return host_of(address) or address
