"""Money that a pilot spends itself."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.store.work_tables import SpendRow


def book_spend(
    session: Session, pilot_id: int, *, purpose: str, model: str, calls: int, usd: Decimal | None,
    at: datetime | None = None, is_at_most: bool = False,
) -> None:  # fmt: skip
    """Books paid calls, also those whose answer was unusable; `usd` None = nobody knows what they cost.

    Args:
        session: The transaction.
        pilot_id: Whose money.
        purpose: What the calls were for.
        model: Who was asked.
        calls: How many.
        usd: What they cost.
        at: When; default: now by the database's clock.
        is_at_most: They may have cost less: no server has counted their tokens.
    """
    if calls:
        when = {} if at is None else {"at": at}
        row = SpendRow(pilot_id=pilot_id, purpose=purpose, model=model, calls=calls, usd=usd, is_at_most=is_at_most, **when)
        session.add(row)
        session.flush()


def spent(session: Session, pilot_id: int, purpose: str) -> tuple[int, Decimal]:
    """Calls made and dollars spent so far for a purpose; calls whose cost nobody knows count as calls only."""
    calls, usd = session.execute(
        select(func.coalesce(func.sum(SpendRow.calls), 0), func.coalesce(func.sum(SpendRow.usd), Decimal(0))).where(
            SpendRow.pilot_id == pilot_id, SpendRow.purpose == purpose
        )
    ).one()
    return int(calls), Decimal(usd or 0)
