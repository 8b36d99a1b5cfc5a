"""The constraints gate: licence, data that must stay, the team, its hours, availability; any that fails decides on its own."""

from dataclasses import dataclass

import numpy as np

from app.domain.configuration import CandidateTable, PilotConfiguration
from app.domain.constraints_table import ConstraintsTable
from app.domain.evidence import ArmEvidence, Flags, Numbers
from app.domain.hosts import host_of, is_allowed
from app.domain.registered import ALPHA
from app.domain.words import GateOutcome
from app.pipeline.data_residency import HOST_NOT_ALLOWED, LEGAL_BASIS_NEEDED, is_at_vendor
from app.pipeline.licences import LicenceKind, licence_kind
from app.pipeline.operation import NOT_THERE
from app.pipeline.operation_days import counts_by_day
from app.pipeline.token_bills import is_paid_by_token
from app.statistics.outages import design_effect_by_day, effective_counts
from app.statistics.rates import lower_rate, upper_rate

LICENSE_UNREVIEWED = "license_unreviewed"
NON_COMMERCIAL = "license_non_commercial"
NO_TEAM = "no_team"
TEAM_UNKNOWN = "team_unknown"
TEAM_HOURS_EXCEEDED = "team_hours_exceeded"
UPKEEP_UNKNOWN = "upkeep_unknown"
AVAILABILITY_BELOW = "availability_below_target"
AVAILABILITY_UNKNOWN = "availability_unknown"
NEITHER_FITS = "neither_fits"
# An outage of the first days says little of a month: before this day too little availability is not known, it does not fail.
FIRST_AVAILABILITY_DAY = 14
# One week of logged hours is the week in which things are set up.
LEAST_WEEKS = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """What one constraint says; `code` is the reason code where it does not pass."""

    outcome: GateOutcome
    reason: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Constraint:
    """What the constraints say together; `code` is the first reason code where they do not pass."""

    outcome: GateOutcome
    reason: str
    code: str | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def codes(self) -> tuple[str, ...]:
        """All reason codes, those of what fails first."""
        codes = tuple(finding.code for finding in self.findings if finding.code is not None)
        return codes or (() if self.code is None else (self.code,))

    @property
    def open_reasons(self) -> tuple[str, ...]:
        """What does not pass, in words."""
        reasons = tuple(finding.reason for finding in self.findings if finding.code is not None)
        return reasons or (() if self.code is None else (self.reason,))


@dataclass(frozen=True, slots=True)
class Availability:
    """How often requests found the candidate in service.

    Attributes:
        away: Requests that did not.
        asked: Of so many.
        low: Lower bound of the rate, failures that come together counted as what they are worth.
        high: Upper bound, likewise.
        day: Number of the last day.
    """

    away: int
    asked: int
    low: float
    high: float
    day: int


@dataclass(frozen=True, slots=True)
class UpkeepHours:
    """Hours a month that the candidate takes.

    Attributes:
        value: As logged, or as the team reckons.
        low: Lower end of what was logged; `None` = reckoned.
        high: Upper end.
        weeks: How many weeks were logged.
    """

    value: float
    low: float | None = None
    high: float | None = None
    weeks: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """What constraints are compared with; `None` = nobody knows."""

    availability: Availability | None = None
    upkeep: UpkeepHours | None = None


NOTHING_MEASURED = Measured()


def constraints_of(
    configuration: PilotConfiguration, candidate: CandidateTable, measured: Measured = NOTHING_MEASURED
) -> Constraint:
    """The licence is always checked; the rest only with a `[constraints]` table. Any that fails is enough."""
    licence, table = _licence(candidate), configuration.constraints
    if table is None:
        is_fine = licence.outcome is GateOutcome.PASSES
        reason = f"{licence.reason}; no [constraints] are configured"
        return Constraint(GateOutcome.NOT_REQUIRED, reason) if is_fine else _together([licence])
    found = [licence, _data(table, candidate), _team(table, candidate)]
    found += [_hours(table, measured.upkeep), _availability(table, measured.availability)]
    return _together([finding for finding in found if finding is not None])


def availability_of(arm: ArmEvidence, rows: Flags, days: Numbers) -> Availability | None:
    """How often the candidate was in service on some rows; `days` is the day of each. `None` = it was not asked."""
    asked = rows & arm.replies.is_there
    by_day = counts_by_day(asked & _away(arm), asked, days)
    away, trials = (int(counts.sum()) for counts in by_day)
    if not trials:
        return None
    effect = design_effect_by_day(events=by_day[0], trials=by_day[1])
    failures, worth = effective_counts(events=away, trials=trials, design_effect=effect)
    return Availability(
        away=away,
        asked=trials,
        low=1.0 - upper_rate(events=failures, trials=worth, alpha=ALPHA),
        # Rounded to the other side: what makes it pass must not make it fail.
        high=1.0 - lower_rate(events=min(failures, int(away / effect)), trials=worth, alpha=ALPHA),
        day=int(days[asked].max()),
    )


def is_managed(candidate: CandidateTable) -> bool:
    """Whether somebody else runs it: paid by the token, and not at a private address."""
    return is_paid_by_token(candidate) and not is_allowed(host_of(candidate.base_url), ())


def _together(found: list[Finding]) -> Constraint:
    """All must pass, one that fails is enough; what fails is said first, then what is not known."""
    order = (GateOutcome.FAILS, GateOutcome.UNKNOWN, GateOutcome.PASSES)
    ordered = tuple(sorted(found, key=lambda finding: order.index(finding.outcome)))
    reason = "; ".join(finding.reason for finding in ordered)
    return Constraint(ordered[0].outcome, reason, ordered[0].code, ordered)


def _licence(candidate: CandidateTable) -> Finding:
    name = candidate.license
    kind = licence_kind(name) if name is not None else LicenceKind.OTHER
    if kind is LicenceKind.NON_COMMERCIAL:
        return Finding(GateOutcome.FAILS, f"the licence {name} forbids commercial use", NON_COMMERCIAL)
    if kind is LicenceKind.PERMISSIVE:
        return Finding(GateOutcome.PASSES, f"the licence {name} is permissive")
    if candidate.license_reviewed:
        return Finding(GateOutcome.PASSES, f"the licence {name or '(not named)'} was reviewed")
    said = f"the licence {name} has terms that nobody reviewed yet" if name else "no licence is given"
    return Finding(GateOutcome.UNKNOWN, f"{said}: read it, then set license_reviewed = true", LICENSE_UNREVIEWED)


def _data(table: ConstraintsTable, candidate: CandidateTable) -> Finding | None:
    if not table.data_must_stay:
        return None
    host = host_of(candidate.base_url)
    if not is_allowed(host, table.allowed_hosts):
        reason = f"the data must stay, and the candidate is at '{host}', which constraints.allowed_hosts does not name"
        return Finding(GateOutcome.FAILS, reason, HOST_NOT_ALLOWED)
    if is_at_vendor(candidate.base_url) and table.legal_basis is None:
        reason = f"the data must stay, and nobody says in constraints.legal_basis why the vendor at '{host}' may have it"
        return Finding(GateOutcome.UNKNOWN, reason, LEGAL_BASIS_NEEDED)
    basis = f" (legal basis: {table.legal_basis})" if table.legal_basis is not None else ""
    return Finding(GateOutcome.PASSES, f"the data may go to '{host}'{basis}")


def _team(table: ConstraintsTable, candidate: CandidateTable) -> Finding | None:
    """Asked only where data must stay: elsewhere the hours of those who have to learn it are money, and counted there."""
    if not table.data_must_stay:
        return None
    if is_managed(candidate):
        return Finding(GateOutcome.PASSES, "somebody else runs the model")
    if table.team_has_gpu_experience is None:
        reason = "the data must stay, and nobody says who could run the model: set constraints.team_has_gpu_experience"
        return Finding(GateOutcome.UNKNOWN, reason, TEAM_UNKNOWN)
    if not table.team_has_gpu_experience:
        return Finding(GateOutcome.FAILS, "the data must stay, and there is no team that could run the model", NO_TEAM)
    return Finding(GateOutcome.PASSES, "there is a team that can run the model")


def _hours(table: ConstraintsTable, upkeep: UpkeepHours | None) -> Finding | None:
    limit = table.team_hours_per_month
    if limit is None:
        return None
    has = f"the team has {limit:g} hours a month for upkeep"
    if upkeep is None:
        return Finding(GateOutcome.UNKNOWN, f"{has}, and nobody logged or reckoned what it takes", UPKEEP_UNKNOWN)
    low, high = (upkeep.value if end is None else end for end in (upkeep.low, upkeep.high))
    is_reckoned = upkeep.low is None
    ends = "reckoned by itself" if is_reckoned else f"logged (between {low:.1f} and {high:.1f})"
    said = f"{has}, and {upkeep.value:.1f} are {ends}"
    if low > limit and (is_reckoned or upkeep.weeks >= LEAST_WEEKS):
        return Finding(GateOutcome.FAILS, said, TEAM_HOURS_EXCEEDED)
    if high <= limit:
        return Finding(GateOutcome.PASSES, said)
    return Finding(GateOutcome.UNKNOWN, f"{said}: not surely within", UPKEEP_UNKNOWN)


def _availability(table: ConstraintsTable, found: Availability | None) -> Finding | None:
    target = table.min_availability_rate
    if target is None:
        return None
    if found is None:
        return Finding(GateOutcome.UNKNOWN, f"availability must be {target:.2%}, and nothing is measured", AVAILABILITY_UNKNOWN)
    said = f"{found.asked - found.away:,} of {found.asked:,} requests found it in service: availability is"
    if found.low >= target:
        return Finding(GateOutcome.PASSES, f"{said} at least {found.low:.2%}, within the target {target:.2%}")
    if found.high < target and found.day >= FIRST_AVAILABILITY_DAY:
        return Finding(GateOutcome.FAILS, f"{said} at most {found.high:.2%}, below the target {target:.2%}", AVAILABILITY_BELOW)
    between = f"{said} between {found.low:.2%} and {found.high:.2%}, and the target is {target:.2%}"
    early = f" (before day {FIRST_AVAILABILITY_DAY} nothing fails by it)" if found.high < target else ""
    return Finding(GateOutcome.UNKNOWN, f"{between}{early}", AVAILABILITY_UNKNOWN)


def _away(arm: ArmEvidence) -> Flags:
    return np.asarray(np.isin(arm.replies.failures, list(NOT_THERE)), dtype=bool)
