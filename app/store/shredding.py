"""What is left of a shredded pilot's texts: exchanges that are not marked yet."""

from collections.abc import Sequence

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.store.tables import ExchangeRow, PilotRow

_UNMARKED = text("""
SELECT id FROM exchanges WHERE pilot_id = :pilot AND text_erased_at IS NULL AND id > :after ORDER BY id LIMIT :most
""")


def unmarked_exchanges(session: Session, pilot_id: int, after: int, most: int) -> Sequence[int]:
    """The next exchanges of a pilot whose texts were not removed yet."""
    return list(session.scalars(_UNMARKED, {"pilot": pilot_id, "after": after, "most": most}))


def pilots_to_clear(session: Session) -> list[int]:
    """Shredded pilots of which something is left to remove."""
    has_more = select(ExchangeRow.id).where(ExchangeRow.pilot_id == PilotRow.id, ExchangeRow.text_erased_at.is_(None)).exists()
    return list(session.scalars(select(PilotRow.id).where(PilotRow.shredded_at.is_not(None), has_more).order_by(PilotRow.id)))
