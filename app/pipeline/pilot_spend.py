"""What the pilot itself costs, by purpose: sunk when the verdict is made, and no part of either arm's month."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from app.costs.monthly import HOURS_PER_DAY
from app.domain.configuration import PilotConfiguration
from app.domain.cost_figures import PilotSpend
from app.domain.evidence import Evidence
from app.domain.hours import HoursEntry
from app.domain.words import Source
from app.pipeline.closing import Selection
from app.pipeline.token_bills import is_paid_by_token
from app.store.evidence import Spend

PEOPLE = "people: evaluation and labels, as logged"
EVALUATION = "evaluation"


def pilot_spend(
    configuration: PilotConfiguration, spend: Spend, evidence: Evidence, selection: Selection, hours: Sequence[HoursEntry]
) -> list[PilotSpend]:
    """One line a purpose: paid calls as they were booked, each candidate's GPUs, hours of the kind `evaluation`.

    GPUs count for the closed days on which the candidate was asked live; imported and replayed replies do not tell for how
    long it was rented.
    """
    lines = [PilotSpend(purpose=each.purpose, usd=each.usd, calls=each.calls) for each in spend.by_purpose]
    for table in configuration.candidate:
        days = _days_asked(evidence, selection, table.name)
        if days and table.gpu_usd_per_hour is not None and not is_paid_by_token(table):
            hired = HOURS_PER_DAY * days
            usd = table.gpu_usd_per_hour * table.replicas * table.gpus_per_replica * hired
            lines.append(PilotSpend(purpose=f"GPUs of {table.name} while it was asked", usd=usd, hours=float(hired)))
    worked = sum((entry.hours for entry in hours if entry.kind == EVALUATION), Decimal(0))
    if worked:
        rate = configuration.cost.engineer_usd_per_hour if configuration.cost is not None else None
        lines.append(PilotSpend(purpose=PEOPLE, usd=worked * rate if rate is not None else None, hours=float(worked)))
    return lines


def evaluation_hours(hours: Sequence[HoursEntry]) -> Decimal:
    """Hours that came once and went into the pilot itself."""
    once = [entry for entry in hours if not entry.is_recurring and entry.kind == EVALUATION]
    return sum((entry.hours for entry in once), Decimal(0))


def pilot_total_usd(lines: Sequence[PilotSpend]) -> Decimal | None:
    """All of it; `None` where a part is not known."""
    known = [line.usd for line in lines if line.usd is not None]
    return sum(known, Decimal(0)) if len(known) == len(lines) else None


def _days_asked(evidence: Evidence, selection: Selection, name: str) -> int:
    replies = evidence.arms[name].replies
    asked = selection.counted & replies.is_there & np.asarray(replies.sources == Source.LIVE.value, dtype=bool)
    return len(np.unique(selection.days[asked]))
