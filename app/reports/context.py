"""What every part of a report needs to know of one candidate."""

from dataclasses import dataclass

from app.domain.configuration import PilotConfiguration
from app.domain.scorecard import CandidateModel, EstimateModel, QualityModel, Scorecard, SegmentModel
from app.domain.words import GateName


@dataclass(frozen=True, slots=True)
class Subject:
    """One candidate against the incumbent; `arm` chooses the candidate's colour."""

    name: str
    arm: int
    card: CandidateModel
    scorecard: Scorecard
    configuration: PilotConfiguration

    @property
    def model(self) -> str:
        """The candidate's model as configured; its name if the configuration no longer has it."""
        known = {candidate.name: candidate.model for candidate in self.configuration.candidate}
        return known.get(self.name, self.name)

    @property
    def incumbent(self) -> str:
        """The model that production uses."""
        return self.configuration.incumbent.model

    @property
    def limit(self) -> float:
        """The win rate that quality must stay above: what the gate was compared with."""
        gates = (gate.threshold for gate in self.card.gates if gate.name is GateName.QUALITY)
        limit = next(gates, None)
        return 0.5 - self.configuration.quality.margin if limit is None else limit

    @property
    def failure_limit(self) -> float | None:
        """How often it may fail: what the gate was compared with; `None` = it has no say."""
        gates = (gate.threshold for gate in self.card.gates if gate.name is GateName.RELIABILITY)
        table = self.configuration.reliability
        limit = next(gates, None)
        return limit if limit is not None or table is None else table.max_failure_rate

    @property
    def timezone(self) -> str:
        """The pilot's own zone."""
        return self.configuration.pilot.timezone

    @property
    def days(self) -> int:
        """Planned days, an extension included."""
        return planned_days(self.scorecard, self.configuration)


def planned_days(scorecard: Scorecard, configuration: PilotConfiguration) -> int:
    """Days from the window, which an extension lengthens; without a window the configured ones."""
    window = scorecard.window
    if window.from_ is None or window.to is None:
        return configuration.pilot.days
    return round((window.to - window.from_).total_seconds() / 86_400)


def is_corrected(part: QualityModel | SegmentModel) -> bool:
    """Whether people's labels correct the judge in what is decided on."""
    return part.rests_on == "corrected"


def deciding(part: QualityModel | SegmentModel) -> EstimateModel:
    """The win rate that is decided on: corrected by people where their labels are, else as the judge and the rules say."""
    return part.win_rate_human_corrected if is_corrected(part) else part.win_rate
