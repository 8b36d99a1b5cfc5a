"""Which rehearsal says something about a candidate as it is now."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.configuration import CandidateTable
from app.domain.pilot import Pilot
from app.domain.rehearsal import RehearsalModel, TargetModel
from app.store.rehearsals import done_rehearsals


def present_rehearsals(session: Session, pilot: Pilot, *, as_of: datetime | None = None) -> Mapping[str, RehearsalModel]:
    """The latest valid rehearsal of each candidate whose address, model and size are still those that were tried."""
    by_name = done_rehearsals(session, pilot.id, as_of=as_of)
    found = {}
    for arm in pilot.candidates:
        target = target_of(pilot.configuration.candidate_named(arm.name))
        usable = [each for each in by_name.get(arm.name, ()) if each.is_valid and each.target == target]
        if usable:
            found[arm.name] = usable[0]
    return found


def target_of(table: CandidateTable) -> TargetModel:
    """What a candidate is told by."""
    return TargetModel(
        base_url=table.base_url,
        model=table.model,
        server=table.server,
        replicas=table.replicas,
        gpus_per_replica=table.gpus_per_replica,
    )
