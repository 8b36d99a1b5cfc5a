"""What a step of a rehearsal sends: stored requests as the candidate may see them, at their moments."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import orjson
from sqlalchemy.orm import Session

from app.domain.content import METADATA
from app.domain.evidence import Numbers
from app.domain.exchange import Json
from app.domain.pilot import Pilot
from app.domain.replay import StoredRequest
from app.domain.requests import route_of
from app.pipeline.rehearsal_schedule import Arrivals, Schedule
from app.pipeline.rehearsal_step import CannotRehearse, Due
from app.pipeline.replay_run import Candidate
from app.providers.routes import unaskable
from app.store.rehearsal_arrivals import clients_errors
from app.store.replays import read_requests

# Different requests that a step holds; arrivals beyond them send one of these instead.
MOST_REQUESTS, MOST_BYTES = 5000, 128 * 1024 * 1024
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is due, and how many of them stand for a request that was not sampled or cannot be sent again."""

    dues: Sequence[Due]
    repeated: int


def prepare(
    session: Session, pilot: Pilot, candidate: Candidate, arrivals: Arrivals, planned: Schedule, generator: np.random.Generator
) -> Prepared:
    """Reads the requests of a schedule.

    Raises:
        CannotRehearse: None of them can be sent again.
    """
    different = np.unique(planned.rows)
    chosen = generator.choice(different, MOST_REQUESTS, replace=False) if len(different) > MOST_REQUESTS else different
    usable = dict(_usable(session, pilot, candidate, arrivals, chosen))
    if len(planned) and not usable:
        message = "no stored request of the busiest window can be sent again: its text is not kept, or it has no shape to ask"
        raise CannotRehearse(message)
    known = np.array(sorted(usable), dtype=np.int64)
    is_known = np.isin(planned.rows, known)
    rows = planned.rows.copy()
    rows[~is_known] = generator.choice(known, int((~is_known).sum())) if len(known) else rows[~is_known]
    dues = [Due(float(at), *usable[int(row)]) for at, row in zip(planned.due_seconds, rows, strict=True)]
    return Prepared(dues, int((planned.is_repeat | ~is_known).sum()))


def _usable(
    session: Session, pilot: Pilot, candidate: Candidate, arrivals: Arrivals, rows: Numbers
) -> Iterator[tuple[int, tuple[Json, str]]]:
    """Requests with their route, by the arrival's row, until there are bytes enough."""
    held = 0
    for start in range(0, len(rows), _AT_ONCE):
        wanted = rows[start : start + _AT_ONCE]
        ids = arrivals.ids[wanted].tolist()
        stored = read_requests(session, ids)
        refused = clients_errors(session, pilot, ids)
        for row, number in zip(wanted.tolist(), ids, strict=True):
            found = _sendable(candidate, stored[number]) if number in stored and number not in refused else None
            if found is not None:
                held += len(orjson.dumps(found[0]))
                yield row, found
        if held > MOST_BYTES:
            return


def _sendable(candidate: Candidate, stored: StoredRequest) -> tuple[Json, str] | None:
    """The request as the candidate may see it, and its route; `None` = it is not asked."""
    path = route_of(stored.body)
    level = candidate.content.level(stored.segment, stored.level)
    if path is None or level == METADATA or not candidate.content.can_ask:
        return None
    if unaskable(stored.body, path, candidate.target.server) is not None:
        return None
    return candidate.content.seen_by_candidate(level, stored.body), path
