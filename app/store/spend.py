"""Money that a pilot spends itself."""

from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.store.work_tables import SpendRow


def book_spend(session: Session, pilot_id: int, *, purpose: str, model: str, calls: int, usd: Decimal | None) -> None:
    """Books paid calls, also those whose answer was unusable; `usd` None = nobody knows what they cost."""
    if calls:
        session.add(SpendRow(pilot_id=pilot_id, purpose=purpose, model=model, calls=calls, usd=usd))
        session.flush()


def spent(session: Session, pilot_id: int, purpose: str) -> tuple[int, Decimal]:
    """Calls made and dollars spent so far for a purpose; calls whose cost nobody knows count as calls only."""
    calls, usd = session.execute(
        select(func.coalesce(func.sum(SpendRow.calls), 0), func.coalesce(func.sum(SpendRow.usd), Decimal(0))).where(
            SpendRow.pilot_id == pilot_id, SpendRow.purpose == purpose
        )
    ).one()
    return int(calls), Decimal(usd or 0)
