"""Page one: the verdict on a candidate in words, what it rests on and what would change it."""

from collections.abc import Callable

from app.domain.scorecard import EstimateModel, GateModel, VerdictModel
from app.domain.staying import is_incumbent_allowed
from app.domain.words import GateName, GateOutcome, Outcome
from app.reports import figures
from app.reports.context import Subject, deciding, is_corrected
from app.reports.document import Answer, Bullets, Cell, Fact, Facts, Section, Table, cells
from app.reports.notices import frozen_title, frozen_words, is_frozen, is_neither_fit, notices
from app.reports.pack.blocks import after_blocks, figures_blocks, missing_table
from app.reports.pack.build import leadership_of
from app.reports.pack.model import Leadership
from app.reports.pack.service_words import OF_ALL
from app.reports.wording import GATE_OUTCOMES, GATE_QUESTIONS, NOT_TESTED, OUTCOMES

SAYS = {GateOutcome.UNKNOWN: "is not known yet"}


def page_one(subject: Subject) -> Leadership:
    """The figures and words that a leader reads and signs."""
    not_tested = _not_tested(subject.card.verdict)
    return leadership_of(subject, answer_of(subject), notices(subject), _reasons(subject), not_tested)


def answer_section(subject: Subject) -> Section:
    """The same as sections: every figure of page one, and all reasons, conditions and open ends."""
    verdict, leadership = subject.card.verdict, page_one(subject)
    routing = (_routing_table(subject),) if verdict.routing else ()
    return Section(
        slug=f"answer-{subject.arm}",
        title=f"The answer on {subject.name}",
        blocks=(
            answer_of(subject),
            *notices(subject),
            Facts(items=leadership.money),
            *figures_blocks(leadership),
            Bullets(title="Why", items=_reasons(subject), when_empty="No reasons were given."),
            *routing,
            gates_table(subject),
            *_changes(leadership),
            Bullets(title="What was not tested", items=_not_tested(verdict), when_empty="Nothing was left out."),
            *after_blocks(leadership),
        ),
    )


def _changes(leadership: Leadership) -> tuple[Bullets | Table, ...]:
    """What would change it; where evidence is missing, with who gives it and by when."""
    if leadership.missing:
        return (missing_table(leadership),)
    empty = "Nothing is missing that would change it. Other work, other prices or another model might."
    return (Bullets(title="What would change this answer", items=leadership.would_change, when_empty=empty),)


def answer_of(subject: Subject) -> Answer:
    """The verdict as one block."""
    verdict = subject.card.verdict
    return Answer(
        candidate=subject.name,
        model=subject.model,
        arm=subject.arm,
        outcome=verdict.outcome,
        words=frozen_title(subject) if is_frozen(subject) and not verdict.final else OUTCOMES[verdict.outcome],
        sentence=_sentence(subject),
        provisional=_provisional(verdict),
        is_final=verdict.final,
    )


def _sentence(subject: Subject) -> str:
    verdict = subject.card.verdict
    if verdict.outcome is Outcome.EXTEND:
        return _undecided(subject)
    sentences = {
        Outcome.MIGRATE: f"The evidence supports moving all of this pilot's work from {subject.incumbent} to {subject.name}.",
        Outcome.DONT_MIGRATE: _no(subject),
        Outcome.HYBRID: _split(subject),
    }
    return sentences[verdict.outcome]


def _no(subject: Subject) -> str:
    if is_neither_fit(subject):
        return (
            f"Neither option is fit: the data must stay, so {subject.incumbent} is no answer, and {subject.name} is too weak."
        )
    return f"Stay with {subject.incumbent}. The evidence speaks against moving to {subject.name}."


def _split(subject: Subject) -> str:
    moving = [segment for segment, arm in subject.card.verdict.routing.items() if arm == subject.name]
    if not moving:
        return f"Some kinds of work may move to {subject.name}; everything else stays with {subject.incumbent}."
    rest = (
        f"Everything else stays with {subject.incumbent}."
        if is_incumbent_allowed(subject.configuration)
        else f"The rest may not stay with {subject.incumbent} either: the data must stay."
    )
    return f"Move {figures.names(moving)} to {subject.name}. {rest}"


def _undecided(subject: Subject) -> str:
    verdict = subject.card.verdict
    if verdict.final:
        return f"The time is used up and {subject.name} was not shown to be safe: stay with {subject.incumbent}."
    if is_frozen(subject):
        return frozen_words(subject)
    if "not_started" in verdict.reason_codes:
        return f"The pilot has not started, so nothing is decided. Stay with {subject.incumbent} for now."
    return f"Nothing is decided yet. Stay with {subject.incumbent} until there is enough evidence."


def _provisional(verdict: VerdictModel) -> str:
    if verdict.provisional is None:
        return ""
    points_to = f"For now it points to: {OUTCOMES[verdict.provisional]}."
    return f"{points_to} That is not an answer yet; the reasons say what is missing."


def _reasons(subject: Subject) -> tuple[str, ...]:
    """The reasons, without those that the tables below give word for word."""
    tables = {_sentence_on(gate.name.value, gate.outcome, gate.reason) for gate in subject.card.gates}
    if subject.card.verdict.routing:
        tables |= {_sentence_on(f"the quality of {name}", s.outcome, s.reason) for name, s in subject.card.segments.items()}
    reasons = subject.card.verdict.reasons
    return tuple(reason for reason in reasons if reason.casefold() not in tables) or tuple(reasons)


def _sentence_on(name: str, outcome: GateOutcome, reason: str) -> str:
    return f"{name} {SAYS.get(outcome, outcome.value)}: {reason}.".casefold()


def _not_tested(verdict: VerdictModel) -> tuple[str, ...]:
    return tuple(NOT_TESTED.get(item, item) for item in verdict.not_tested)


def needed_words(gate: GateModel) -> str:
    """What a condition asks for."""
    return _needed(gate)


def _quality_fact(subject: Subject) -> Fact:
    rate = deciding(subject.card.quality)
    if rate.value is None:
        detail = f"No graded answers yet. 50% would be as good as {subject.incumbent}."
    else:
        detail = f"{_ends(rate, figures.percent)}; 50% = as good as {subject.incumbent}, limit {figures.percent(subject.limit)}"
    label = "Win rate, corrected by people" if is_corrected(subject.card.quality) else "Win rate"
    return Fact(label=label, value=figures.percent(rate.value), detail=f"{detail}. {_rests_on(rate.n, 'conversation')}")


def _ends(estimate: EstimateModel, show: Callable[[float | None], str]) -> str:
    return figures.interval(show(estimate.low), show(estimate.high)) or "interval unknown"


def _rests_on(n: int, unit: str) -> str:
    return f"{figures.count(n)} {unit}{'' if n == 1 else 's'}."


def gates_table(subject: Subject) -> Table:
    """One row a condition: outcome, what was measured, what is needed, why."""
    rows = tuple(
        cells(
            GATE_QUESTIONS[gate.name],
            Cell(text=GATE_OUTCOMES[gate.outcome], outcome=gate.outcome),
            _measured(gate),
            _needed(gate),
            gate.reason or figures.NOTHING,
        )
        for gate in subject.card.gates
    )
    of_all = f" {OF_ALL}" if subject.card.verdict.outcome is Outcome.HYBRID else ""
    return Table(
        caption="The conditions",
        columns=("Condition", "Result", "On the safe side", "Needed", "Why"),
        rows=rows,
        note="On the safe side = the end of the uncertainty that speaks against the result: "
        f"a condition passes even at its worst, and fails even at its best.{of_all}",
    )


_SHOW: dict[GateName, Callable[[float | None], str]] = {
    GateName.QUALITY: figures.percent,
    GateName.LATENCY: figures.seconds,
    GateName.RELIABILITY: figures.small_percent,
    GateName.SAVING: figures.money,
}


def _measured(gate: GateModel) -> str:
    show = _SHOW.get(gate.name)
    if show is None or gate.outcome is GateOutcome.NOT_REQUIRED:
        return figures.NOTHING if gate.bound is None or show is None else show(gate.bound)
    if gate.bound is None:
        return figures.UNKNOWN
    side = _side(gate)
    return f"{side} {show(gate.bound)}" if side else show(gate.bound)


def _side(gate: GateModel) -> str:
    """Quality passes from above its limit, latency and failures from below theirs."""
    if gate.name is GateName.SAVING or gate.outcome not in (GateOutcome.PASSES, GateOutcome.FAILS):
        return ""
    is_good_above = gate.name is GateName.QUALITY
    return "at least" if (gate.outcome is GateOutcome.PASSES) is is_good_above else "at most"


def _needed(gate: GateModel) -> str:
    show = _SHOW.get(gate.name)
    if show is None or gate.threshold is None:
        return figures.NOTHING
    above = gate.name in (GateName.QUALITY, GateName.SAVING)
    return f"above {show(gate.threshold)}" if above else f"at most {show(gate.threshold)}"


def _routing_table(subject: Subject) -> Table:
    """Who answers which kind of work if the answer is followed."""
    routing = subject.card.verdict.routing
    named = [*subject.card.segments, *(name for name in routing if name not in subject.card.segments)]
    rows = []
    for segment in named:
        goes = routing.get(segment)
        is_moving = goes == subject.name
        to = Cell(text=f"{goes} (moves)" if is_moving else f"{subject.incumbent} (stays)", arm=subject.arm if is_moving else 0)
        found = subject.card.segments.get(segment)
        rows.append(cells(segment, to, found.reason if found is not None and found.reason else figures.NOTHING))
    return Table(caption="Who would answer what", columns=("Kind of work", "Goes to", "Why"), rows=tuple(rows))
