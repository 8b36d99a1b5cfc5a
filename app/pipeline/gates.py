"""The five conditions of a verdict, for all traffic and for a split."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from app.domain.configuration import CandidateTable, PilotConfiguration
from app.domain.evidence import ArmEvidence, Flags, Numbers, Words
from app.domain.registered import ALPHA
from app.domain.scorecard import GateModel
from app.domain.words import GateName, GateOutcome
from app.pipeline.licences import LicenceKind, licence_kind
from app.pipeline.money import Money, saving_gate
from app.pipeline.operation import Bounded, latency_gate, reliability_gate
from app.pipeline.outcome import Split
from app.pipeline.quality import Judged

LICENSE_UNREVIEWED = "license_unreviewed"
NON_COMMERCIAL = "license_non_commercial"
NO_TEAM = "no_team"


@dataclass(frozen=True, slots=True)
class Constraint:
    """What the constraints say; `code` is the reason code where they do not pass."""

    outcome: GateOutcome
    reason: str
    code: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Gates:
    """One candidate's gates.

    Attributes:
        models: As shown, for all traffic.
        constraint: The constraints with their reason code.
        operation: Latency, reliability and saving of any split.
    """

    models: tuple[GateModel, ...]
    constraint: Constraint
    operation: Callable[[Split], dict[GateName, Bounded]]

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
    """

    @cache
    def operation(split: Split) -> dict[GateName, Bounded]:
        rows = counted if split is None else counted & np.isin(segments, sorted(split))
        return {
            GateName.LATENCY: latency_gate(configuration, arm, rows, days),
            GateName.RELIABILITY: reliability_gate(configuration, arm, rows, days),
            GateName.SAVING: _if_required(configuration, saving_gate(money, split)),
        }

    constraint = constraints_of(configuration, money.table)
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
    return Gates(tuple(models), constraint, operation)


def constraints_of(configuration: PilotConfiguration, candidate: CandidateTable) -> Constraint:
    """The licence is always checked; the rest only with a `[constraints]` table."""
    licence = _licence(candidate)
    table = configuration.constraints
    if licence.outcome is GateOutcome.FAILS or table is None:
        is_fine = licence.outcome is GateOutcome.PASSES
        reason = f"{licence.reason}; no [constraints] are configured"
        return Constraint(GateOutcome.NOT_REQUIRED, reason) if is_fine else licence
    if table.data_must_stay and table.team_has_gpu_experience is False:
        return Constraint(GateOutcome.FAILS, "the data must stay, and there is no team that could run the model", NO_TEAM)
    return licence


def _licence(candidate: CandidateTable) -> Constraint:
    name = candidate.license
    kind = licence_kind(name) if name is not None else LicenceKind.OTHER
    if kind is LicenceKind.NON_COMMERCIAL:
        return Constraint(GateOutcome.FAILS, f"the licence {name} forbids commercial use", NON_COMMERCIAL)
    if kind is LicenceKind.PERMISSIVE:
        return Constraint(GateOutcome.PASSES, f"the licence {name} is permissive")
    if candidate.license_reviewed:
        return Constraint(GateOutcome.PASSES, f"the licence {name or '(not named)'} was reviewed")
    said = f"the licence {name} has terms that nobody reviewed yet" if name else "no licence is given"
    return Constraint(GateOutcome.UNKNOWN, f"{said}: read it, then set license_reviewed = true", LICENSE_UNREVIEWED)


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
