"""Which numbers of a producer have come: one bit each, so that whatever is delivered again is known."""

from collections.abc import Iterable

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.store.live_tables import SeenNumbersRow

CHUNK_NUMBERS = 4096
LARGEST_NUMBER = 2**42

Numbered = tuple[str, int]


class SeenNumbers:
    """The numbers of one pilot that a transaction deals with; the pilot must be held (`hold_pilots`).

    Args:
        session: The transaction.
        pilot_id: Whose.
        numbers: (boot, number) of all that may be asked for.
    """

    def __init__(self, session: Session, pilot_id: int, numbers: Iterable[Numbered]) -> None:
        self._pilot_id = pilot_id
        keys = sorted({(boot, (number - 1) // CHUNK_NUMBERS) for boot, number in numbers})
        self._bits = {key: bytearray(CHUNK_NUMBERS // 8) for key in keys}
        self._changed: set[tuple[str, int]] = set()
        if keys:
            for row in session.execute(_READ, _keys(pilot_id, keys)):
                self._bits[row.boot, row.chunk][:] = row.bits

    def __contains__(self, numbered: Numbered) -> bool:
        chunk, byte, bit = self._place(numbered)
        return bool(chunk[byte] & bit)

    def take(self, numbered: Numbered) -> bool:
        """Marks a number as come; whether this is the first time."""
        if numbered in self:
            return False
        chunk, byte, bit = self._place(numbered)
        chunk[byte] |= bit
        self._changed.add((numbered[0], (numbered[1] - 1) // CHUNK_NUMBERS))
        return True

    def save(self, session: Session) -> None:
        """Writes what was taken."""
        rows = [
            {"pilot_id": self._pilot_id, "boot": boot, "chunk": chunk, "bits": bytes(self._bits[boot, chunk])}
            for boot, chunk in sorted(self._changed)
        ]
        if rows:
            statement = insert(SeenNumbersRow)
            saving = statement.on_conflict_do_update(
                index_elements=["pilot_id", "boot", "chunk"], set_={"bits": statement.excluded.bits}
            )
            session.execute(saving, rows)

    def _place(self, numbered: Numbered) -> tuple[bytearray, int, int]:
        chunk, index = divmod(numbered[1] - 1, CHUNK_NUMBERS)
        return self._bits[numbered[0], chunk], index >> 3, 1 << (index & 7)


_READ = text("""
SELECT s.boot, s.chunk, s.bits FROM seen_numbers s
JOIN unnest(CAST(:boots AS text[]), CAST(:chunks AS int[])) AS k(boot, chunk) ON s.boot = k.boot AND s.chunk = k.chunk
WHERE s.pilot_id = :pilot
""")


def _keys(pilot_id: int, keys: list[tuple[str, int]]) -> dict[str, object]:
    return {"pilot": pilot_id, "boots": [boot for boot, _ in keys], "chunks": [chunk for _, chunk in keys]}


_COME = (
    select(func.coalesce(func.sum(func.bit_count(SeenNumbersRow.bits)), 0))
    .where(SeenNumbersRow.pilot_id == bindparam("pilot"), SeenNumbersRow.boot == bindparam("boot"))
    .where(SeenNumbersRow.chunk < bindparam("chunk"))
)


def count_come(session: Session, pilot_id: int, boot: str, *, up_to: int) -> int:
    """How many of a boot's numbers 1 to `up_to` have come."""
    chunk, rest = divmod(up_to, CHUNK_NUMBERS)
    whole = session.scalar(_COME, {"pilot": pilot_id, "boot": boot, "chunk": chunk}) or 0
    if not rest:
        return int(whole)
    last = session.get(SeenNumbersRow, (pilot_id, boot, chunk))
    bits = int.from_bytes(last.bits, "little") if last is not None else 0
    return int(whole) + (bits & ((1 << rest) - 1)).bit_count()
