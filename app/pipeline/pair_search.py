"""Looks for pairs: by filters that indexes bound, and by texts within a bound of pairs and time that is said to the reader."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from app.domain.grading import IMPORTED, PairKey
from app.domain.pair_query import Cursor, PairOutcome, PairQuery, PairSort, TextPlace
from app.domain.pilot import DAY, Arm, Pilot
from app.domain.words import OTHER_SEGMENT, ArmRole, Rule
from app.errors import InvalidInput, Problem
from app.pipeline.pair_texts import pair_texts
from app.pipeline.settlement import judge_of, model_version
from app.statistics.permutation import Permutation
from app.store.pair_search import (
    PairFilter,
    all_exchanges,
    count_pairs,
    exchange_named,
    exchange_numbers,
    labelled_exchanges,
    look,
    look_at,
    place_of,
    with_text,
)
from app.store.payloads import REQUEST_ARM

PER_PAGE = 25
PEOPLE = "people"
QUICK_SECONDS = 0.03
_LAST = 2**63 - 1
# Beyond it a number of pairs is said as "more than".
COUNTED = 200_000
BY_RULE = (Rule.FAILURE, Rule.INVALID, Rule.EQUAL)
_OF_PEOPLE = (PairOutcome.CRITICAL, PairOutcome.DISAGREEMENT)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one look costs at most: a page has to come within 300 ms, whatever is asked for.

    Attributes:
        rows: Pairs whose rows are looked at.
        text_rows: Pairs whose texts are: reading one costs a hundred times as much.
        seconds: After which no further stretch is begun.
        stretch: Pairs of the first stretch; the next ones are longer while they are quick.
        text_stretch: The same where texts are read, which may be of any length.
        drawn_stretch: The same of a random order, whose rows lie apart.
        few: So many exchanges are looked through at once, where only they can match.
    """

    rows: int = 100_000
    text_rows: int = 20_000
    seconds: float = 0.15
    stretch: int = 5_000
    text_stretch: int = 50
    drawn_stretch: int = 250
    few: int = 5_000


# Neighbours of a pair are looked for beside the pair itself: less is looked at than for a list.
BESIDE = Bounds(rows=20_000, text_rows=1_000, seconds=0.05, stretch=2_000)


@dataclass(frozen=True, slots=True)
class Found:
    """What a look found.

    Attributes:
        keys: Pairs that match, in order.
        next: From where on to look further; `None` = the end of the list was reached.
        is_bound: The look ended because of its bounds, not because the page is full.
        looked_at: How many pairs were, at most.
        pairs: All pairs of the pilot; counted to one more than `COUNTED`.
    """

    keys: list[Cursor]
    next: Cursor | None
    is_bound: bool
    looked_at: int
    pairs: int


@dataclass(frozen=True, slots=True)
class _Step:
    """A stretch of the list: what matches but for the text, where it ends, and how many pairs it had at most."""

    found: list[Cursor]
    end: Cursor | None
    rows: int


@dataclass(slots=True)
class _Pace:
    """How many pairs the next stretch has: twice as many while one is quick, half as many when it is slow."""

    rows: int

    def took(self, seconds: float) -> None:
        """The stretch took so long, with what was done with it."""
        self.rows = self.rows * 2 if seconds < QUICK_SECONDS else max(1, self.rows // 2)


@dataclass(frozen=True, slots=True)
class PairSearch:
    """Looks through a pilot's pairs.

    Attributes:
        session: One for reading.
        bounds: Of one look.
    """

    session: Session
    pilot: Pilot
    query: PairQuery
    bounds: Bounds = field(default_factory=Bounds)

    def find(self, after: Cursor | None = None, *, backwards: bool = False, limit: int = PER_PAGE) -> Found:
        """The next matching pairs behind a place."""
        found: list[Cursor] = []
        looked, end, started = 0, None, time.monotonic()
        most = self.bounds.text_rows if self.query.text else self.bounds.rows
        for step in self._steps(after, backwards=backwards, limit=limit + 1):
            found += self._with_text(step.found, limit + 1 - len(found))
            looked, end = looked + step.rows, step.end
            if len(found) > limit or looked >= most or time.monotonic() - started > self.bounds.seconds:
                break
        pairs = count_pairs(self.session, self.pilot.id, COUNTED)
        if len(found) > limit:
            return Found(found[:limit], found[limit - 1], False, looked, pairs)
        return Found(found, end, end is not None, looked, pairs)

    def beside(self, key: PairKey) -> tuple[PairKey | None, PairKey | None]:
        """The pair before and the one behind; `None` = there is none, or none was found within the bounds."""
        here = self._drawn_place(key) if self.query.sort is PairSort.RANDOM else place_of(self.session, self.query.sort, key)
        if here is None:
            return None, None
        found = [self.find(here, backwards=backwards, limit=1).keys for backwards in (True, False)]
        before, behind = (PairKey(*keys[0][1:]) if keys else None for keys in found)
        return before, behind

    def _drawn_place(self, key: PairKey) -> Cursor | None:
        numbers = exchange_numbers(self.session, self.pilot.id)
        if numbers is None or not numbers[0] <= key.exchange_id <= numbers[1]:
            return None
        return Cursor(_drawn(numbers, self.query.seed).place_of(key.exchange_id - numbers[0]), *key)

    def _steps(self, after: Cursor | None, *, backwards: bool, limit: int) -> Iterator[_Step]:
        wanted, sort = self._filter(), self.query.sort
        few = self._few()
        if sort is PairSort.RANDOM:
            yield from self._random_steps(wanted, after, few, backwards=backwards)
            return
        if few is not None:
            yield from self._pieces(look_at(self.session, wanted, few, sort, after=after, backwards=backwards))
            return
        pace = self._pace(self.bounds.stretch)
        end = after
        while True:
            began, rows = time.monotonic(), pace.rows
            most = rows * len(wanted.arms) if self.query.text else limit
            found = look(self.session, wanted, sort, after=end, backwards=backwards, rows=rows, limit=most)
            yield _Step(found.found, found.end, rows)
            pace.took(time.monotonic() - began)
            end = found.end
            if end is None:
                return

    def _pace(self, rows: int) -> _Pace:
        return _Pace(self.bounds.text_stretch if self.query.text else rows)

    def _pieces(self, keys: list[Cursor]) -> Iterator[_Step]:
        """All that can match, in stretches where texts have to be read."""
        pace = self._pace(max(1, len(keys)))
        place = 0
        while place == 0 or place < len(keys):
            began, piece = time.monotonic(), keys[place : place + pace.rows]
            place += max(1, len(piece))
            yield _Step(piece, piece[-1] if place < len(keys) else None, len(piece))
            pace.took(time.monotonic() - began)

    def _random_steps(
        self, wanted: PairFilter, after: Cursor | None, few: list[int] | None, *, backwards: bool
    ) -> Iterator[_Step]:
        """Goes through numbers of exchanges in a drawn order; of those that the pilot has, the pairs that match."""
        numbers = exchange_numbers(self.session, self.pilot.id)
        if numbers is None:
            return
        order, way = _drawn(numbers, self.query.seed), -1 if backwards else 1
        pace = self._pace(self.bounds.drawn_stretch)
        # The pair's own number first: it may have pairs of other arms behind it.
        place = after.place if after is not None and isinstance(after.place, int) else 0
        if few is not None:
            yield from self._pieces(self._drawn_few(wanted, order, numbers[0], few, after, way))
            return
        while 0 <= place < order.size:
            began, size = time.monotonic(), pace.rows
            stop = max(-1, min(order.size, place + way * size))
            drawn = {numbers[0] + order.at(each): each for each in range(place, stop, way)}
            keys = look_at(self.session, wanted, list(drawn), PairSort.RANDOM, after=None, backwards=False)
            found = _behind([Cursor(drawn[key.exchange_id], *key[1:]) for key in keys], after, way)
            is_end = stop in (-1, order.size)
            yield _Step(found, None if is_end else Cursor(stop - way, _LAST, _LAST), size)
            pace.took(time.monotonic() - began)
            place = stop

    def _drawn_few(
        self, wanted: PairFilter, order: Permutation, least: int, few: list[int], after: Cursor | None, way: int
    ) -> list[Cursor]:
        keys = look_at(self.session, wanted, few, PairSort.RANDOM, after=None, backwards=False)
        return _behind([Cursor(order.place_of(key.exchange_id - least), *key[1:]) for key in keys], after, way)

    def _few(self) -> list[int] | None:
        """The exchanges that can match at all, where that is known and they are few."""
        query = self.query
        if query.exchange:
            number = exchange_named(self.session, self.pilot.id, query.exchange)
            return [] if number is None else [number]
        if query.outcome in _OF_PEOPLE or query.decided_by == PEOPLE:
            return labelled_exchanges(self.session, self.pilot.id, self.bounds.few)
        # Numbers of a small pilot may lie far apart: drawing among all of them would meet few.
        return all_exchanges(self.session, self.pilot.id, self.bounds.few) if query.sort is PairSort.RANDOM else None

    def _filter(self) -> PairFilter:
        query, pilot = self.query, self.pilot
        judge = judge_of(pilot.configuration)
        version = model_version(pilot.configuration, "judge")
        wanted = PairFilter(
            pilot_id=pilot.id,
            arms=tuple(arm.id for arm in compared_arms(pilot) if query.candidate in ("", arm.name)),
            rater=judge.rater if judge is not None else "",
            versions=(IMPORTED, *([version] if version is not None else [])),
            outcome=query.outcome.value if query.outcome is not None else "",
            simple={name: value for name, value in self._simple().items() if value not in (None, "")},
            by_people=query.decided_by == PEOPLE,
        )
        if query.day is None:
            return wanted
        if pilot.starts_at is None:
            raise _refused("day", "the pilot has no days yet: it has no start")
        since = pilot.starts_at + (query.day - 1) * DAY
        return replace(wanted, since=since, until=since + DAY)

    def _simple(self) -> dict[str, object]:
        query = self.query
        by_rule = query.decided_by in tuple(BY_RULE)
        graders = segments_by_grader(self.pilot)
        return {
            "segment": query.segment,
            "turn": query.turn,
            "external_id": query.exchange,
            "least_chars": query.least_chars,
            "most_chars": query.most_chars,
            "rule": query.decided_by if by_rule else "",
            "graded_in": list(graders[query.decided_by]) if query.decided_by in graders else None,
        }

    def _with_text(self, keys: list[Cursor], most: int) -> list[Cursor]:
        """Those in whose texts the words stand: the store looks at the JSON, we at what it says."""
        if not self.query.text or not keys:
            return keys
        incumbent, place = self.pilot.incumbent.id, self.query.text_in
        arms = [] if place is TextPlace.REQUEST else [incumbent, *{key.arm_id for key in keys}]
        arms += [] if place is TextPlace.REPLIES else [REQUEST_ARM]
        hits = with_text(self.session, self.pilot.id, keys, as_stored(self.query.text), arms)
        likely = [key for key in keys if hits & {(key.exchange_id, arm) for arm in (REQUEST_ARM, incumbent, key.arm_id)}]
        found: list[Cursor] = []
        for start in range(0, len(likely), most):
            found += self._verified(likely[start : start + most])
            if len(found) >= most:
                break
        return found[:most]

    def _verified(self, keys: Sequence[Cursor]) -> list[Cursor]:
        texts = pair_texts(self.session, self.pilot, [PairKey(*key[1:]) for key in keys])
        words = self.query.text.lower()
        return [key for key in keys if words in texts[PairKey(*key[1:])].joined(self.query.text_in).lower()]


def compared_arms(pilot: Pilot) -> tuple[Arm, ...]:
    """The arms whose replies are paired with the incumbent's."""
    return tuple(arm for arm in pilot.arms if arm.role is not ArmRole.INCUMBENT)


def segments_by_grader(pilot: Pilot) -> dict[str, tuple[str, ...]]:
    """Which segments each grader decides."""
    found: dict[str, list[str]] = {}
    for segment in (*(table.name for table in pilot.configuration.segment), OTHER_SEGMENT):
        found.setdefault(pilot.configuration.grader_of(segment), []).append(segment)
    return {grader: tuple(segments) for grader, segments in found.items()}


def as_stored(words: str) -> str:
    """What JSON has that holds the words."""
    return json.dumps(words, ensure_ascii=False)[1:-1]


def _behind(keys: list[Cursor], after: Cursor | None, way: int) -> list[Cursor]:
    """In order, those behind a place."""
    ordered = sorted(keys, reverse=way < 0)
    return [key for key in ordered if after is None or (key > after if way > 0 else key < after)]


def _drawn(numbers: tuple[int, int], seed: int) -> Permutation:
    return Permutation(numbers[1] - numbers[0] + 1, seed)


def _refused(name: str, message: str) -> InvalidInput:
    return InvalidInput(message, (Problem(message, field=name),))
