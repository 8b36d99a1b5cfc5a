"""Which arms a judge is akin to: models prefer their own kind."""

from collections.abc import Iterator

from app.domain.configuration import CandidateTable, IncumbentTable, PilotConfiguration
from app.domain.families import same_family, same_model
from app.domain.judge_table import JudgeTable

Arm = IncumbentTable | CandidateTable


def kin_of(judge: JudgeTable, configuration: PilotConfiguration) -> Iterator[tuple[str, str]]:
    """Each arm that the judge is akin to, as (`the same model as` or the like, the arm in words)."""
    arms: list[tuple[str, Arm]] = [("the incumbent", configuration.incumbent)]
    arms += [(f"the candidate '{candidate.name}'", candidate) for candidate in configuration.candidate]
    for who, arm in arms:
        relation = _relation(judge, arm)
        if relation is not None:
            yield relation, who


def _relation(judge: JudgeTable, arm: Arm) -> str | None:
    # Another family name for the very same model does not make it another judge.
    if judge.model is not None and same_model(judge.model, arm.model):
        return "the same model as"
    if same_family(judge.family, arm.family):
        return f"of the same family ('{arm.family}') as"
    return None
