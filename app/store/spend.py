"""Money that a pilot spends itself."""

from decimal import Decimal

from sqlalchemy.orm import Session

from app.store.tables import SpendRow


def book_spend(session: Session, pilot_id: int, *, purpose: str, model: str, calls: int, usd: Decimal | None) -> None:
    """Books paid calls, also those whose answer was unusable; `usd` None = nobody knows what they cost."""
    if calls:
        session.add(SpendRow(pilot_id=pilot_id, purpose=purpose, model=model, calls=calls, usd=usd))
        session.flush()
