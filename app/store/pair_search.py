"""Finds pairs in an order, a stretch at a time: each statement looks at a bounded number of rows, by an index.

The values that a list is sorted by are columns with an index each; what else is asked of a pair is looked up in its own row.
"""
# ruff: noqa: S608 - what is put in are fragments of our own

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.domain.grading import PairKey
from app.domain.pair_query import Cursor, PairSort
from app.store.texts import texts_of

_FLIPPED = """(SELECT min(g.value) < 0.5 AND max(g.value) > 0.5 FROM grades g
    WHERE g.exchange_id = p.exchange_id AND g.arm_id = p.arm_id AND g.grader = 'judge' AND g.rater = :rater
        AND g.version = ANY(CAST(:versions AS text[])) AND g.shown_first IS NOT NULL)"""
_SPOKE = "(SELECT avg(l.value) FROM labels l WHERE l.exchange_id = p.exchange_id AND l.arm_id = p.arm_id)"
_LABEL = "EXISTS (SELECT FROM labels l WHERE l.exchange_id = p.exchange_id AND l.arm_id = p.arm_id"
_CHARS = "(SELECT r.content_chars FROM replies r WHERE r.exchange_id = p.exchange_id AND r.arm_id = p.arm_id)"
_GRADER = "(p.state = 'settled' AND p.rule = 'grader')"
OUTCOMES = {
    "better": "p.state = 'settled' AND p.final_preference > 0.5",
    "worse": "p.state = 'settled' AND p.final_preference < 0.5",
    "tie": f"p.state = 'settled' AND p.final_preference = 0.5 AND {_FLIPPED} IS NOT TRUE",
    "ungraded": "p.state = 'settled' AND p.ungraded IS NOT NULL",
    "failed": "p.state = 'settled' AND p.rule = 'failure'",
    "critical": f"{_LABEL} AND l.critical)",
    "flipped": f"{_GRADER} AND {_FLIPPED}",
    "disagreement": f"{_GRADER} AND (p.final_preference - 0.5) * ({_SPOKE} - 0.5) < 0",
    "left_out": "p.state = 'settled' AND p.facts ? 'left_out'",
    "pending": "p.state = 'pending'",
}
PEOPLE = f"{_LABEL} AND (l.value IS NOT NULL OR l.critical))"
_SIMPLE = {
    "segment": "e.segment = :segment",
    "turn": "e.turn = :turn",
    "external_id": "e.external_id = :external_id",
    "least_chars": f"{_CHARS} >= :least_chars",
    "most_chars": f"{_CHARS} <= :most_chars",
    "graded_in": f"{_GRADER} AND e.segment = ANY(CAST(:graded_in AS text[]))",
    "rule": "p.state = 'settled' AND p.rule = :rule",
}
# What stands in which column, and in which direction the list goes through it.
_PLACES = {
    PairSort.NEWEST: ("arrived_at", "DESC"),
    PairSort.WORST: ("final_preference", "ASC"),
    PairSort.BEST: ("final_preference", "DESC"),
    PairSort.LONGER: ("length_difference", "DESC"),
    PairSort.SHORTER: ("length_difference", "ASC"),
}
_LAST_ARM = 2**63 - 1
_KNOWN = {
    "final_preference": "state = 'settled' AND final_preference IS NOT NULL",
    "length_difference": "length_difference IS NOT NULL",
}
# OFFSET 0: each row is looked up by itself, whatever the planner thinks of their number.
_EXCHANGES_FIRST = """
SELECT e.arrived_at AS place, e.id AS exchange_id, p.arm_id FROM exchanges e
CROSS JOIN LATERAL (SELECT * FROM pairs q WHERE q.exchange_id = e.id AND q.arm_id = ANY(CAST(:arms AS bigint[])) OFFSET 0) p
WHERE e.pilot_id = :pilot {within} {conditions}
ORDER BY e.arrived_at {way}, e.id {way}, p.arm_id {way} LIMIT :limit"""
_PAIRS_FIRST = """
SELECT p.{column} AS place, p.exchange_id, p.arm_id FROM pairs p
CROSS JOIN LATERAL (SELECT * FROM exchanges x WHERE x.id = p.exchange_id OFFSET 0) e
WHERE p.pilot_id = :pilot AND p.arm_id = ANY(CAST(:arms AS bigint[])) AND {known} {within} {conditions}
ORDER BY p.{column} {way}, p.exchange_id {way}, p.arm_id {way} LIMIT :limit"""
_OF_KEYS = """
SELECT {place} AS place, p.exchange_id, p.arm_id FROM pairs p JOIN exchanges e ON e.id = p.exchange_id
WHERE p.pilot_id = :pilot AND p.arm_id = ANY(CAST(:arms AS bigint[]))
    AND p.exchange_id = ANY(CAST(:exchanges AS bigint[])) {conditions} {within}"""


@dataclass(frozen=True, slots=True)
class PairFilter:
    """What a pair must be; only what its row and those beside it say, no texts.

    Attributes:
        rater: Whose grades are the judge's.
        versions: Which of them count.
        outcome: A name in `OUTCOMES`.
        simple: Values of named conditions.
        by_people: A person said something of it.
        since: Arrived then or later.
        until: Arrived before.
    """

    pilot_id: int
    arms: tuple[int, ...]
    rater: str = ""
    versions: tuple[str, ...] = ()
    outcome: str = ""
    simple: dict[str, Any] = field(default_factory=dict)
    by_people: bool = False
    since: datetime | None = None
    until: datetime | None = None

    @property
    def conditions(self) -> str:
        """As SQL that begins with AND; "" = none."""
        wanted = [_SIMPLE[name] for name in self.simple]
        wanted += [OUTCOMES[self.outcome]] if self.outcome else []
        wanted += [PEOPLE] if self.by_people else []
        wanted += ["e.arrived_at >= :since"] if self.since is not None else []
        wanted += ["e.arrived_at < :until"] if self.until is not None else []
        return "".join(f" AND ({condition})" for condition in wanted)

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of all that `conditions` names."""
        named = {"pilot": self.pilot_id, "arms": list(self.arms), "rater": self.rater, "versions": list(self.versions)}
        return named | self.simple | {"since": self.since, "until": self.until}


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a statement found.

    Attributes:
        found: Pairs that match, in order.
        end: The last place that was looked at; `None` = the end of the list was reached.
    """

    found: list[Cursor]
    end: Cursor | None


def look(
    session: Session, wanted: PairFilter, sort: PairSort, *, after: Cursor | None, backwards: bool, rows: int, limit: int
) -> Stretch:
    """The matching ones among the next so many rows of an order that is not random.

    Args:
        session: For reading.
        wanted: What they must be.
        sort: The order.
        after: Behind which place; `None` = from the beginning.
        backwards: Whether the order is gone through the other way round.
        rows: How many are looked at at most.
        limit: How many are given at most.
    """
    column, way = _way(sort, backwards=backwards)
    end = _end_of(session, wanted, column, way, after, rows)
    bounds = _after(after, column, way) + _until(end, column, way)
    template = _EXCHANGES_FIRST if column == "arrived_at" else _PAIRS_FIRST
    statement = template.format(
        column=column, way=way, known=_qualified(column), within="".join(bounds), conditions=wanted.conditions
    )
    parameters = wanted.parameters | _values(after, "after") | _values(end, "end") | {"limit": limit}
    found = [Cursor(*row) for row in session.execute(text(statement), parameters)]
    return Stretch(found, end)


def look_at(
    session: Session, wanted: PairFilter, exchanges: Sequence[int], sort: PairSort, *, after: Cursor | None, backwards: bool
) -> list[Cursor]:
    """The matching ones among a few named exchanges, in order; of a random one, in none."""
    if sort is PairSort.RANDOM:
        statement = _OF_KEYS.format(place="p.exchange_id", conditions=wanted.conditions, within="")
    else:
        column, way = _way(sort, backwards=backwards)
        within = f" AND {_qualified(column)}" + "".join(_after(after, column, way))
        statement = _OF_KEYS.format(place=_place(column), conditions=wanted.conditions, within=within)
        statement += f" ORDER BY 1 {way}, 2 {way}, 3 {way}"
    parameters = wanted.parameters | _values(after, "after") | {"exchanges": list(exchanges)}
    return [Cursor(*row) for row in session.execute(text(statement), parameters)]


def place_of(session: Session, sort: PairSort, key: PairKey) -> Cursor | None:
    """A pair's place in an order that is not random; `None` = it has none there."""
    column, _ = _PLACES[sort]
    statement = (
        f"SELECT {_place(column)}, p.exchange_id, p.arm_id FROM pairs p JOIN exchanges e ON e.id = p.exchange_id"
        f" WHERE p.exchange_id = :exchange AND p.arm_id = :arm AND {_qualified(column)}"
    )
    row = session.execute(text(statement), {"exchange": key.exchange_id, "arm": key.arm_id}).one_or_none()
    return None if row is None else Cursor(*row)


def labelled_exchanges(session: Session, pilot_id: int, most: int) -> list[int] | None:
    """Exchanges that people said something of, if there are few labels; `None` = there are more than `most`."""
    query = "SELECT exchange_id FROM labels WHERE pilot_id = :pilot LIMIT :most"
    return _few(session, query, pilot_id, most)


def all_exchanges(session: Session, pilot_id: int, most: int) -> list[int] | None:
    """Every exchange, if there are few of them; `None` = there are more than `most`."""
    return _few(session, "SELECT id FROM exchanges WHERE pilot_id = :pilot LIMIT :most", pilot_id, most)


def _few(session: Session, query: str, pilot_id: int, most: int) -> list[int] | None:
    found = list(session.scalars(text(query), {"pilot": pilot_id, "most": most + 1}))
    return sorted(set(found)) if len(found) <= most else None


def exchange_named(session: Session, pilot_id: int, external_id: str) -> int | None:
    """The store's number of an exchange."""
    query = "SELECT id FROM exchanges WHERE pilot_id = :pilot AND external_id = :name"
    found: int | None = session.scalar(text(query), {"pilot": pilot_id, "name": external_id})
    return found


def exchange_numbers(session: Session, pilot_id: int) -> tuple[int, int] | None:
    """The least and the greatest number of a pilot's exchanges; `None` = there is none."""
    query = "SELECT min(id), max(id) FROM exchanges WHERE pilot_id = :pilot"
    least, greatest = session.execute(text(query), {"pilot": pilot_id}).one()
    return None if least is None else (least, greatest)


def count_pairs(session: Session, pilot_id: int, most: int) -> int:
    """How many pairs a pilot has; counted up to one more than `most`."""
    query = "SELECT count(*) FROM (SELECT FROM pairs WHERE pilot_id = :pilot LIMIT :most) AS counted"
    return session.scalar(text(query), {"pilot": pilot_id, "most": most + 1}) or 0


_TEXTS = text("""
SELECT b.exchange_id, b.arm_id, b.body FROM exchanges e CROSS JOIN LATERAL (
    SELECT x.exchange_id, x.arm_id, x.body FROM payloads x
    WHERE x.exchange_id = e.id AND x.arrived_at = e.arrived_at AND x.arm_id = ANY(CAST(:arms AS bigint[])) OFFSET 0
) AS b
WHERE e.id = ANY(CAST(:exchanges AS bigint[]))
""")


def with_text(session: Session, pilot_id: int, keys: Sequence[Cursor], words: str, arms: Sequence[int]) -> set[tuple[int, int]]:
    """In which stored texts (exchange, arm; arm 0 = the request) of these exchanges words occur, whatever their case.

    Args:
        session: For reading.
        pilot_id: Whose they are.
        keys: Pairs whose place is their time of arrival, or any other: the partitions are chosen by their exchanges' times.
        words: As the JSON has them that is stored.
        arms: In whose texts.
    """
    exchanges = sorted({key.exchange_id for key in keys})
    texts, wanted = texts_of(session), words.lower()
    found: set[tuple[int, int]] = set()
    for row in session.execute(_TEXTS, {"exchanges": exchanges, "arms": list(arms)}):
        body = texts.open(pilot_id, row.body)
        if body is not None and wanted in body.decode("utf-8", "replace").lower():
            found.add((row.exchange_id, row.arm_id))
    return found


def _way(sort: PairSort, *, backwards: bool) -> tuple[str, str]:
    column, way = _PLACES[sort]
    return column, way if not backwards else {"ASC": "DESC", "DESC": "ASC"}[way]


def _place(column: str) -> str:
    return "e.arrived_at" if column == "arrived_at" else f"p.{column}"


def _qualified(column: str) -> str:
    known = _KNOWN.get(column, "true")
    return known.replace("state", "p.state").replace(column, f"p.{column}")


def _names(column: str) -> str:
    return "(e.arrived_at, e.id, p.arm_id)" if column == "arrived_at" else f"(p.{column}, p.exchange_id, p.arm_id)"


def _after(after: Cursor | None, column: str, way: str) -> list[str]:
    if after is None:
        return []
    sign = ">" if way == "ASC" else "<"
    exact = f" AND {_names(column)} {sign} (:after_place, :after_exchange, :after_arm)"
    # The second one is what the index is entered by.
    return [exact, f" AND (e.arrived_at, e.id) {sign}= (:after_place, :after_exchange)"] if column == "arrived_at" else [exact]


def _until(end: Cursor | None, column: str, way: str) -> list[str]:
    if end is None:
        return []
    sign = "<=" if way == "ASC" else ">="
    if column == "arrived_at":
        return [f" AND (e.arrived_at, e.id) {sign} (:end_place, :end_exchange)"]
    return [f" AND {_names(column)} {sign} (:end_place, :end_exchange, :end_arm)"]


def _values(cursor: Cursor | None, name: str) -> dict[str, Any]:
    if cursor is None:
        return {}
    return {f"{name}_place": cursor.place, f"{name}_exchange": cursor.exchange_id, f"{name}_arm": cursor.arm_id}


def _end_of(session: Session, wanted: PairFilter, column: str, way: str, after: Cursor | None, rows: int) -> Cursor | None:
    """The place so many rows further on, by the index alone."""
    sign = ">" if way == "ASC" else "<"
    if column == "arrived_at":
        bound = f" AND (arrived_at, id) {sign}= (:after_place, :after_exchange)" if after is not None else ""
        days = " AND arrived_at >= :since" if wanted.since is not None else ""
        days += " AND arrived_at < :until" if wanted.until is not None else ""
        # No arm comes behind it, whichever way.
        statement = f"""SELECT arrived_at, id, {_LAST_ARM if way == "ASC" else 0} FROM exchanges
            WHERE pilot_id = :pilot{bound}{days}
            ORDER BY arrived_at {way}, id {way} OFFSET :rows LIMIT 1"""
    else:
        bound = f" AND ({column}, exchange_id, arm_id) {sign} (:after_place, :after_exchange, :after_arm)"
        statement = f"""SELECT {column}, exchange_id, arm_id FROM pairs
            WHERE pilot_id = :pilot AND {_KNOWN[column]}{bound if after is not None else ""}
            ORDER BY {column} {way}, exchange_id {way}, arm_id {way} OFFSET :rows LIMIT 1"""
    parameters = wanted.parameters | _values(after, "after") | {"rows": rows - 1}
    row = session.execute(text(statement), parameters).one_or_none()
    return None if row is None else Cursor(*row)
