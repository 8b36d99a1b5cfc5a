"""What the pilot itself costs, by purpose: sunk when the verdict is made, and no part of either arm's month."""

from collections.abc import Sequence
from decimal import Decimal

from app.costs.monthly import HOURS_PER_DAY
from app.domain.configuration import CandidateTable, CostTable
from app.domain.cost_figures import PilotSpend
from app.domain.hours import HoursEntry
from app.store.evidence import Spend

GPUS, PEOPLE = "GPUs while the pilot ran", "people: evaluation and labels, as logged"
EVALUATION = "evaluation"


def pilot_spend(
    spend: Spend,
    table: CandidateTable,
    *,
    is_rented: bool,
    closed_days: int,
    hours: Sequence[HoursEntry],
    cost: CostTable | None,
) -> list[PilotSpend]:
    """One line a purpose: paid calls as they were booked, GPUs of the closed days, hours of the kind `evaluation`."""
    lines = [PilotSpend(purpose=each.purpose, usd=each.usd, calls=each.calls) for each in spend.by_purpose]
    if is_rented and table.gpu_usd_per_hour is not None:
        hired = table.gpu_usd_per_hour * table.replicas * table.gpus_per_replica * HOURS_PER_DAY * closed_days
        lines.append(PilotSpend(purpose=GPUS, usd=hired, hours=float(HOURS_PER_DAY * closed_days)))
    worked = sum((entry.hours for entry in hours if entry.kind == EVALUATION), Decimal(0))
    if worked:
        rate = cost.engineer_usd_per_hour if cost is not None else None
        lines.append(PilotSpend(purpose=PEOPLE, usd=worked * rate if rate is not None else None, hours=float(worked)))
    return lines


def pilot_total_usd(lines: Sequence[PilotSpend]) -> Decimal | None:
    """All of it; `None` where a part is not known."""
    known = [line.usd for line in lines if line.usd is not None]
    return sum(known, Decimal(0)) if len(known) == len(lines) else None
