"""Which rehearsals say something about a candidate as it is now."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.configuration import CandidateTable, PilotConfiguration
from app.domain.pilot import Pilot
from app.domain.rehearsal import ObjectiveModel, RehearsalModel, TargetModel
from app.store.rehearsals import done_rehearsals


def present_rehearsals(session: Session, pilot: Pilot, *, as_of: datetime | None = None) -> Mapping[str, RehearsalModel]:
    """Of each candidate, by the rehearsals whose objective, address, model and size are still those of now."""
    by_name = done_rehearsals(session, pilot.id, as_of=as_of)
    objective = objective_of(pilot.configuration)
    found = {}
    for arm in pilot.candidates:
        now = (target_of(pilot.configuration.candidate_named(arm.name)), objective)
        usable = [each for each in by_name.get(arm.name, ()) if each.is_valid and (each.target, each.objective) == now]
        if usable:
            found[arm.name] = joined(usable)
    return found


def joined(usable: Sequence[RehearsalModel]) -> RehearsalModel:
    """The latest load test (else the latest) with the latest rate: a short run later takes neither away.

    Args:
        usable: One or more, the newest first.
    """
    shown = next((each for each in usable if each.is_load_test), usable[0])
    rated = next((each for each in usable if each.rate is not None), None)
    if rated is None or rated is shown:
        return shown
    note = f"What a replica carries is from rehearsal {rated.id}, which ended on {rated.finished_at:%Y-%m-%d}."
    return shown.model_copy(update={"rate": rated.rate, "notes": [*shown.notes, note]})


def objective_of(configuration: PilotConfiguration) -> ObjectiveModel:
    """What pilot.toml says now."""
    latency, reliability = configuration.latency, configuration.reliability
    return ObjectiveModel(
        ttft_any_p95_seconds=latency.ttft_any_p95_seconds if latency is not None else None,
        total_p95_seconds=latency.total_p95_seconds if latency is not None else None,
        max_failure_rate=reliability.max_failure_rate if reliability is not None else None,
    )


def target_of(table: CandidateTable) -> TargetModel:
    """What a candidate is told by."""
    return TargetModel(
        base_url=table.base_url,
        model=table.model,
        server=table.server,
        replicas=table.replicas,
        gpus_per_replica=table.gpus_per_replica,
    )
