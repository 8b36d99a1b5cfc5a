"""Both arms priced: by segment for the month, by exchange for how sure it is."""

from dataclasses import dataclass

from app.domain.configuration import CandidateTable, PilotConfiguration
from app.domain.evidence import ArmEvidence, Evidence, Floats
from app.pipeline.token_bills import Basis, Bills, candidate_prices, incumbent_prices, is_paid_by_token, row_costs, token_bills


@dataclass(frozen=True, slots=True, eq=False)
class Priced:
    """One arm: bills by the segment of the conversation, and US dollars of each exchange's reply, NaN = unknown."""

    bills: Bills
    usd_by_row: Floats


def incumbent_costs(
    configuration: PilotConfiguration, evidence: Evidence, arm: ArmEvidence, basis: Basis, *, has_invoice: bool
) -> Priced:
    """What staying costs; input that was not counted is told by the candidate's count of the same request."""
    prices, model = incumbent_prices(configuration), configuration.incumbent.model
    bills = token_bills(evidence.incumbent, basis, prices, model=model, other=arm.replies, has_invoice=has_invoice)
    by_row = row_costs(
        evidence.incumbent, basis.rows, basis.dates, prices, model=model, other=arm.replies, arrived_us=basis.arrived_us
    )
    return Priced(bills, by_row)


def candidate_costs(table: CandidateTable, evidence: Evidence, arm: ArmEvidence, basis: Basis) -> Priced | None:
    """What the candidate's tokens cost; `None` for rented GPUs."""
    if not is_paid_by_token(table):
        return None
    prices, other = candidate_prices(table), evidence.incumbent
    bills = token_bills(arm.replies, basis, prices, model=table.model, other=other)
    by_row = row_costs(
        arm.replies, basis.rows, basis.dates, prices, model=table.model, other=other, arrived_us=basis.arrived_us
    )
    return Priced(bills, by_row)
