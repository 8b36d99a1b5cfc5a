"""The five conditions of a verdict, for all traffic and for a split."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, partial

import numpy as np

from app.domain.configuration import PilotConfiguration
from app.domain.evidence import ArmEvidence, Flags, Numbers, Words
from app.domain.registered import ALPHA
from app.domain.rehearsal import RehearsalModel
from app.domain.scorecard import GateModel
from app.domain.words import GateName, GateOutcome
from app.pipeline.constraints import Constraint, Measured, UpkeepHours, availability_of, constraints_of
from app.pipeline.money import Money, saving_usd
from app.pipeline.operation import Bounded, latency_gate, reliability_gate
from app.pipeline.outcome import Split
from app.pipeline.quality import Judged
from app.pipeline.saving import saving_gate
from app.pipeline.under_load import under_load

Saving = Callable[[frozenset[str]], Decimal | None]


def _nobody_knows(_: frozenset[str]) -> Decimal | None:
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Gates:
    """One candidate's gates.

    Attributes:
        models: As shown, for all traffic.
        constraint: The constraints with their reason code.
        operation: Latency, reliability and saving of any split.
        saving_usd: What a split saves a month; `None` = nobody knows.
    """

    models: tuple[GateModel, ...]
    constraint: Constraint
    operation: Callable[[Split], dict[GateName, Bounded]]
    saving_usd: Saving = _nobody_knows

    def outcomes(self) -> dict[GateName, GateOutcome]:
        """The outcome of each gate for all traffic."""
        return {gate.name: gate.outcome for gate in self.models}


def gates_of(
    configuration: PilotConfiguration,
    quality: Judged,
    arm: ArmEvidence,
    counted: Flags,
    days: Numbers,
    segments: Words,
    money: Money,
    rehearsal: RehearsalModel | None = None,
) -> Gates:
    """Evaluates the gates; those of a split when they are asked for.

    Args:
        configuration: Thresholds.
        quality: The quality part.
        arm: The candidate's replies.
        counted: Exchanges that count.
        days: The day of each exchange.
        segments: The segment of each exchange's conversation.
        money: Bills of both arms.
        rehearsal: What the candidate kept up with under production's load.
    """

    @cache
    def operation(split: Split) -> dict[GateName, Bounded]:
        rows = counted if split is None else counted & np.isin(segments, sorted(split))
        return {
            GateName.LATENCY: under_load(latency_gate(configuration, arm, rows, days), rehearsal, _share(rows, counted)),
            GateName.RELIABILITY: reliability_gate(configuration, arm, rows, days),
            GateName.SAVING: _if_required(configuration, saving_gate(money, split)),
        }

    measured = Measured(availability_of(arm, counted, days), upkeep_of(money))
    constraint = constraints_of(configuration, money.table, measured)
    models = [
        GateModel(
            name=GateName.QUALITY,
            outcome=quality.gate,
            bound=quality.ruled.bound,
            threshold=quality.terms.threshold,
            alpha=quality.terms.alpha,
            reason=quality.ruled.reason,
            passed_on=quality.ruled.passed_on,
            failed_on=quality.ruled.failed_on,
        ),
        *(_model(name, found) for name, found in operation(None).items()),
        GateModel(name=GateName.CONSTRAINTS, outcome=constraint.outcome, reason=constraint.reason),
    ]
    return Gates(tuple(models), constraint, operation, cache(partial(saving_usd, money)))


def _share(rows: Flags, counted: Flags) -> float:
    return float(rows.sum() / max(1, counted.sum()))


def upkeep_of(money: Money) -> UpkeepHours | None:
    """The hours a month that the candidate takes: as logged, else as the team reckons."""
    if money.upkeep is not None:
        logged = money.upkeep
        return UpkeepHours(float(logged.value), float(logged.low), float(logged.high), logged.weeks)
    cost = money.configuration.cost
    given = cost.upkeep_hours_per_month if cost is not None else None
    return UpkeepHours(given) if given is not None else None


def _if_required(configuration: PilotConfiguration, found: Bounded) -> Bounded:
    reason = configuration.decision.reason
    if reason == "cost":
        return found
    why = f"the reason to leave is {reason}, not cost; {found.reason}"
    return Bounded(GateOutcome.NOT_REQUIRED, found.bound, found.threshold, why)


def _model(name: GateName, found: Bounded) -> GateModel:
    is_interval = name is not GateName.SAVING and found.outcome is not GateOutcome.NOT_REQUIRED
    return GateModel(
        name=name,
        outcome=found.outcome,
        bound=found.bound,
        threshold=found.threshold,
        alpha=ALPHA if is_interval else None,
        reason=found.reason,
    )
