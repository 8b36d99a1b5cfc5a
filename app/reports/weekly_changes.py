"""What changed between two scorecards of one pilot, the gravest first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.domain.estimate_models import EstimateModel, MoneyEstimate
from app.domain.scorecard import CandidateModel, GateModel, Scorecard
from app.domain.words import CoverageReason, GateName, GateOutcome
from app.reports import figures
from app.reports.context import deciding, is_corrected
from app.reports.document import Cell, Table, cells
from app.reports.wording import GATE_OUTCOMES, OUTCOMES

GATES = {
    GateName.QUALITY: "quality",
    GateName.LATENCY: "latency",
    GateName.RELIABILITY: "reliability",
    GateName.SAVING: "saving",
    GateName.CONSTRAINTS: "constraints",
}
LONGEST_VALUE = 60
UNMOVED = "±0"
VERDICT, WORSE, DRIFT, BETTER, SETTING, FIGURE, KNOWN = 0, 1, 2, 4, 5, 6, 7


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that became another; a lower rank is told first."""

    rank: int
    text: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that two weeks are compared by; `is_better` = whether a larger one is good news, `None` = neither."""

    name: str
    value: EstimateModel | MoneyEstimate
    show: Callable[[Any], str]
    is_better: bool | None

    @property
    def words(self) -> str:
        """The value with both ends of its interval."""
        ends = figures.interval(self.show(self.value.low), self.show(self.value.high))
        return (
            f"{self.show(self.value.value)} ({ends})" if ends and self.value.value is not None else self.show(self.value.value)
        )


def changes_between(earlier: Scorecard, now: Scorecard, *, since: datetime) -> list[Change]:
    """What became another between two scorecards.

    Args:
        earlier: Of the report before.
        now: Of this report.
        since: Changes of the configuration after it are new.
    """
    found = [*_settings(now, since)]
    for name, card in now.candidates.items():
        before = earlier.candidates.get(name)
        if before is None:
            found.append(Change(SETTING, f"{name} is compared for the first time."))
        else:
            found += [*_verdict(name, before, card), *_gates(name, before, card), *_drift(name, before, card)]
            found += _figures(name, before, card)
    found += [Change(SETTING, f"{name} is no longer compared.") for name in earlier.candidates if name not in now.candidates]
    return sorted(found, key=lambda change: change.rank)


def _verdict(name: str, before: CandidateModel, now: CandidateModel) -> Iterator[Change]:
    was, is_now = before.verdict, now.verdict
    if was.outcome is not is_now.outcome:
        words = f"The answer on {name} was “{OUTCOMES[was.outcome]}” and is now “{OUTCOMES[is_now.outcome]}”."
        yield Change(VERDICT, words)
    elif was.provisional is not is_now.provisional:
        said = "nothing" if is_now.provisional is None else f"“{OUTCOMES[is_now.provisional]}”"
        yield Change(VERDICT, f"Nothing is decided on {name} yet; for now it points to {said}.")


def _gates(name: str, before: CandidateModel, now: CandidateModel) -> Iterator[Change]:
    earlier = {gate.name: gate for gate in before.gates}
    for gate in now.gates:
        was = earlier.get(gate.name)
        if was is not None and was.outcome is not gate.outcome:
            is_worse = gate.outcome is GateOutcome.FAILS or was.outcome is GateOutcome.PASSES
            yield Change(WORSE if is_worse else BETTER, _gate_words(name, was, gate))


def _gate_words(name: str, was: GateModel, now: GateModel) -> str:
    why = f": {now.reason}" if now.reason else ""
    return f"{name}, {GATES[now.name]}: was “{GATE_OUTCOMES[was.outcome]}”, is now “{GATE_OUTCOMES[now.outcome]}”{why}."


def _drift(name: str, before: CandidateModel, now: CandidateModel) -> Iterator[Change]:
    if now.drift.frozen and not before.drift.frozen:
        yield Change(DRIFT, f"The answer on {name} is frozen now: {'; '.join(now.drift.reasons) or 'no reason is named'}.")
    elif before.drift.frozen and not now.drift.frozen:
        yield Change(BETTER, f"The answer on {name} is not frozen any more.")


def _settings(now: Scorecard, since: datetime) -> Iterator[Change]:
    for change in now.registration.changes:
        if change.at > since:
            touches = f"; the decision rests on it ({change.touches})" if change.touches else ""
            values = f"from {_value(change.before)} to {_value(change.after)}"
            yield Change(SETTING, f"{change.by} changed {change.path} {values}{touches}.")


def _value(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def _figures(name: str, before: CandidateModel, now: CandidateModel) -> Iterator[Change]:
    """A figure that nobody knew, or that left its old interval for the worse."""
    for was, is_now in _beside(name, before, now):
        if was.value.value is None and is_now.value.value is not None:
            yield Change(KNOWN, f"{is_now.name} is known now: {is_now.words}.")
        elif was.value.value is not None and is_now.value.value is None:
            yield Change(WORSE, f"{is_now.name} is not known any more; it was {was.words}.")
        elif _is_clearly_worse(was, is_now):
            yield Change(FIGURE, f"{is_now.name} got worse: {was.words} a week ago, {is_now.words} now.")


def _is_clearly_worse(was: Figure, now: Figure) -> bool:
    """Its value lies beyond the end of its old interval, on the bad side."""
    value, low, high = now.value.value, was.value.low, was.value.high
    if value is None or low is None or high is None or now.is_better is None:
        return False
    return value < low if now.is_better else value > high


def _beside(name: str, before: CandidateModel, now: CandidateModel) -> Iterator[tuple[Figure, Figure]]:
    """Each figure of both weeks, like with like: a split's saving only where both weeks move the same kinds."""
    was, moved = ({kind for kind, arm in card.verdict.routing.items() if arm == name} for card in (before, now))
    is_known = all(card.cost.saving_of_split_usd_per_month.value is not None for card in (before, now))
    is_one_kind = is_corrected(before.quality) is is_corrected(now.quality)
    both = (figures_of(name, card, of_split=is_known and was == moved, is_raw=not is_one_kind) for card in (before, now))
    return zip(*both, strict=True)


def figures_of(name: str, card: CandidateModel, *, of_split: bool, is_raw: bool) -> tuple[Figure, ...]:
    """The few figures of a candidate that a week is told by; `is_raw`: people's labels corrected it in one week alone."""
    rate, how = (card.quality.win_rate, ", as judge and rules say") if is_raw else (deciding(card.quality), "")
    cost = card.cost
    saving = cost.saving_of_split_usd_per_month if of_split else cost.saving_usd_per_month
    what = "by moving the named kinds to" if of_split else "if all moved to"
    return (
        Figure(f"Win rate of {name}{how}", rate, figures.percent, True),
        Figure(f"Saving a month {what} {name}", saving, figures.money, True),
        Figure(f"Time of {name} for 95 of 100 answers", card.latency.total_seconds.p95.candidate, figures.seconds, False),
        Figure(f"Failure rate of {name}", card.reliability.candidate_failure_rate, figures.small_percent, False),
    )


def figures_table(earlier: Scorecard, now: Scorecard) -> Table:
    """The same figures a week ago and now, with their intervals."""
    rows = []
    for name, card in now.candidates.items():
        before = earlier.candidates.get(name)
        if before is not None:
            rows += [_row(was, is_now) for was, is_now in _beside(name, before, card)]
            rows.append(_count_row(f"Labels of people on {name}", before.quality.labels, card.quality.labels))
    rows.append(_coverage_row(earlier, now))
    rows.append(_spend_row(earlier, now))
    return Table(
        caption="A week ago and now",
        columns=("Figure", "A week ago", "Now", "Change"),
        rows=tuple(rows),
        numeric=3,
        note="In brackets the 95% interval. Both columns are of all days so far, so that they share most of their data: a "
        "change within the intervals is no news, and has no interval of its own.",
    )


def _row(was: Figure, now: Figure) -> tuple[Cell, ...]:
    n = f" (n = {figures.count(now.value.n)})" if now.value.n else ""
    return cells(f"{now.name}{n}", was.words, now.words, _difference(was, now))


def _difference(was: Figure, now: Figure) -> str:
    before, value = was.value.value, now.value.value
    if before is None or value is None:
        return figures.NOTHING
    moved = value - before  # type: ignore[operator]  # both are of one kind
    text = now.show(abs(moved))
    if text == now.show(0):
        return UNMOVED
    if text.endswith("%"):
        text = f"{text.removesuffix('%')} points"
    return f"{'+' if moved > 0 else '-'}{text}"


def _count_row(name: str, was: int, now: int) -> tuple[Cell, ...]:
    moved = now - was
    return cells(name, figures.count(was), figures.count(now), f"{moved:+,}" if moved else UNMOVED)


def _coverage_row(earlier: Scorecard, now: Scorecard) -> tuple[Cell, ...]:
    was, is_now = _captured_share(earlier), _captured_share(now)
    n = f" (n = {figures.count(now.coverage.production_requests)})"
    moved = figures.NOTHING if was is None or is_now is None else _points(is_now - was)
    return cells(f"Requests captured{n}", figures.percent(was), figures.percent(is_now), moved)


def _points(moved: float) -> str:
    text = f"{100 * moved:+.1f}"
    return UNMOVED if text in ("+0.0", "-0.0") else f"{text} points"


def _dollars(moved: Decimal) -> str:
    return UNMOVED if not moved else f"{'+' if moved > 0 else ''}{figures.money(moved)}"


def _captured_share(card: Scorecard) -> float | None:
    requests = card.coverage.production_requests
    return card.coverage.by_reason.get(CoverageReason.CAPTURED.value, 0) / requests if requests else None


def _spend_row(earlier: Scorecard, now: Scorecard) -> tuple[Cell, ...]:
    was, is_now = _spend(earlier), _spend(now)
    moved = figures.NOTHING if was is None or is_now is None else _dollars(is_now - was)
    return cells("Spent by the pilot itself on paid calls", figures.money(was), figures.money(is_now), moved)


def _spend(card: Scorecard) -> Decimal | None:
    """It is the pilot's, and each candidate's part of the scorecard says the same."""
    return max((candidate.cost.pilot_usd for candidate in card.candidates.values()), default=None)
