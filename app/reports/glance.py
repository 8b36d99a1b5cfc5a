"""Each condition at a glance: its result, the number that decides, what is needed, and what the number rests on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.domain.scorecard import ArmsEstimate, EstimateModel, GateModel, MoneyEstimate
from app.domain.words import GateName, GateOutcome
from app.reports import figures
from app.reports.answer import needed_words
from app.reports.context import Subject, deciding, is_corrected

UNTESTED = "No limit is set, so it has no say."


@dataclass(frozen=True, slots=True)
class Glance:
    """One condition.

    Attributes:
        number: What was measured, with its name; "" where nothing is.
        needed: What the condition asks for; "" where nothing is asked.
        rests_on: Interval, n, the incumbent beside it.
    """

    gate: GateModel
    number: str
    needed: str
    rests_on: str


def glances(subject: Subject) -> Iterator[Glance]:
    """All conditions in their order."""
    for gate in subject.card.gates:
        number, rests_on = _SAY[gate.name](subject, gate)
        needed = needed_words(gate)
        is_needed = gate.outcome is not GateOutcome.NOT_REQUIRED and needed != figures.NOTHING
        yield Glance(gate, number, needed if is_needed else "", rests_on)


def _quality(subject: Subject, _: GateModel) -> tuple[str, str]:
    rate = deciding(subject.card.quality)
    if rate.value is None:
        return "win rate unknown", "No graded answers yet."
    how = "corrected by people" if is_corrected(subject.card.quality) else "as judge and rules say"
    return f"win rate {figures.percent(rate.value)}", f"{_ends(rate, figures.percent)}; {_n(rate, 'conversations')}; {how}."


def _latency(subject: Subject, gate: GateModel) -> tuple[str, str]:
    """The time whose limit decides."""
    latency, table = subject.card.latency, subject.configuration.latency
    is_first = table is not None and gate.threshold is not None and gate.threshold == table.ttft_any_p95_seconds
    both = (latency.ttft_any_seconds if is_first else latency.total_seconds).p95
    what = "first sign of 95 of 100 answers" if is_first else "95 of 100 answers"
    if both.candidate.value is None:
        return "times unknown", "No times of the candidate that count."
    return f"{what} within {figures.seconds(both.candidate.value)}", _beside(subject, both, figures.seconds)


def _reliability(subject: Subject, _: GateModel) -> tuple[str, str]:
    rates = subject.card.reliability
    both = ArmsEstimate(incumbent=rates.incumbent_failure_rate, candidate=rates.candidate_failure_rate)
    if both.candidate.value is None:
        return "failures unknown", "The candidate was not asked yet."
    fail = figures.small_percent(both.candidate.value)
    return f"{fail} of requests fail", _beside(subject, both, figures.small_percent)


def _saving(subject: Subject, _: GateModel) -> tuple[str, str]:
    cost = subject.card.cost
    saving, split = cost.saving_usd_per_month, cost.saving_of_split_usd_per_month
    if saving.value is None:
        return "saving unknown", f"Missing: {figures.names(cost.missing)}." if cost.missing else "An input is missing."
    said = f"saves {figures.money(saving.value)}" if saving.value >= 0 else f"costs {figures.money(-saving.value)} more"
    alone = f" The named kinds alone: {figures.money(split.value)}; {_money_ends(split)}." if split.value is not None else ""
    return f"{said} a month", f"If all moves, as the condition asks; {_money_ends(saving)}.{alone}"


def _constraints(_: Subject, gate: GateModel) -> tuple[str, str]:
    return "", f"{gate.reason[:1].upper()}{gate.reason[1:]}" or UNTESTED


_SAY: dict[GateName, Callable[[Subject, GateModel], tuple[str, str]]] = {
    GateName.QUALITY: _quality,
    GateName.LATENCY: _latency,
    GateName.RELIABILITY: _reliability,
    GateName.SAVING: _saving,
    GateName.CONSTRAINTS: _constraints,
}


def _beside(subject: Subject, both: ArmsEstimate, show: Callable[[float | None], str]) -> str:
    mine = f"{_ends(both.candidate, show)}; {_n(both.candidate, 'exchanges')}"
    return f"{mine}. {subject.incumbent}: {show(both.incumbent.value)}."


def _ends(estimate: EstimateModel, show: Callable[[float | None], str]) -> str:
    ends = figures.interval(show(estimate.low), show(estimate.high))
    return f"95% interval {ends}" if ends else "interval unknown"


def _money_ends(saving: MoneyEstimate) -> str:
    ends = figures.interval(figures.money(saving.low), figures.money(saving.high))
    return f"95% of draws {ends}" if ends else "no range is computed"


def _n(estimate: EstimateModel, unit: str) -> str:
    return f"n = {figures.count(estimate.n)} {unit}"
