"""What is still open before a decision, and who can answer it."""

from collections.abc import Iterator

from app.domain.labelling import LABELS_NEEDED
from app.domain.scorecard import GateModel
from app.domain.words import GateName, GateOutcome
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Cell, Table, cells
from app.reports.wording import GATE_OUTCOMES, GATE_QUESTIONS

WHO = {
    GateName.QUALITY: "Time, and people who label",
    GateName.LATENCY: "Whoever runs the candidate",
    GateName.RELIABILITY: "Whoever runs the candidate",
    GateName.SAVING: "Finance, and whoever rents the GPUs",
    GateName.CONSTRAINTS: "Legal and security",
}
UNCALIBRATED = "judge_uncalibrated"
FROZEN = {
    "drift": ("Something moved while it was measured", "The team that runs the pilot"),
    "control_broken": ("The judge calls equal models unequal", "Whoever set up the judge"),
    "judge_suspended": ("The judge misses answers that were made worse on purpose", "Whoever set up the judge"),
}


def open_questions(subject: Subject) -> Iterator[Table]:
    """Nothing where every condition is known."""
    rows = tuple(_rows(subject))
    if rows:
        yield Table(caption="What is still open, and who can answer it", columns=("What", "Why", "Who"), rows=rows)


def _rows(subject: Subject) -> Iterator[tuple[Cell, ...]]:
    codes = subject.card.verdict.reason_codes
    for code, (what, who) in FROZEN.items():
        if code in codes:
            yield cells(what, "The answer is frozen until that is settled.", who)
    for gate in subject.card.gates:
        if gate.outcome is GateOutcome.UNKNOWN:
            name = Cell(text=f"{GATE_QUESTIONS[gate.name].split(':')[0]}: {GATE_OUTCOMES[gate.outcome]}", outcome=gate.outcome)
            yield cells(name, _why(subject, gate), WHO[gate.name])
    if UNCALIBRATED in codes:
        usable = figures.count(subject.card.quality.usable_labels)
        why = f"{usable} of {figures.count(LABELS_NEEDED)} usable labels are made: nobody has confirmed the judge yet."
        yield cells("Labels by people", why, "People who know the work")


def _why(subject: Subject, gate: GateModel) -> str:
    if gate.name is GateName.SAVING and subject.card.cost.missing:
        return f"Not given: {figures.names(subject.card.cost.missing)}."
    return gate.reason or figures.NOTHING
