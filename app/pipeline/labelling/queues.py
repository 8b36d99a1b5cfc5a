"""What there is to label: the drawn pairs of closed days and, apart, the uncertain ones; and who has answered what."""

import hashlib
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Lock, Thread

import numpy as np

from app.domain.draws import pair_point
from app.domain.evidence import ArmEvidence, Evidence, Flags, Numbers
from app.domain.grading import PairKey
from app.domain.labelling import Queue, StoredAnswer
from app.domain.pilot import Arm, Pilot
from app.domain.registered import RegisteredPlan
from app.domain.rubric_table import asks_a_model
from app.domain.words import Rule
from app.errors import NotFound
from app.pipeline.closing import Selection, select_evidence
from app.pipeline.conversations import Conversations, conversations_of, pair_values
from app.pipeline.epochs import epochs_of
from app.pipeline.grading import settle_without_model
from app.pipeline.labelling.drawing import drawn_pairs, labelled_instead
from app.pipeline.labelling.uncertain import Doubt, doubts_of
from app.pipeline.registration import plan_of
from app.store.evidence import read_evidence
from app.store.labels import newest_action, pairs_with_text
from app.store.live_ledger import read_ledger
from app.store.model_sightings import sightings_of
from app.store.pilots import get_pilot
from app.store.registrations import changes_of, registration_of
from app.store.session import SessionFactory, one_snapshot

# Reading a large pilot takes seconds and its closed days hardly change: what was read is kept for so many times as long.
KEPT_TIMES, KEPT_AT_MOST_SECONDS = 20.0, 300.0
# What takes longer is read anew beside the answer.
LONG_SECONDS = 1.0
# Of each doubt so many pairs are kept, chosen by hash: a few hundred are looked at.
MOST_UNCERTAIN = 1000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PairToLabel:
    """A pair that is offered to people.

    Attributes:
        day: Of its conversation.
        segment: Of its conversation.
        draw_probability: The conversation's chance to be drawn; `None` = the pair was not drawn.
        doubt: Why it is uncertain; `None` = it was drawn.
        has_text: Whether request and replies are kept, so that they can be shown.
    """

    key: PairKey
    external_id: str
    day: int
    segment: str
    draw_probability: float | None
    doubt: Doubt | None
    has_text: bool


@dataclass(frozen=True, slots=True)
class CandidatePairs:
    """One candidate's queues.

    Attributes:
        drawn: Drawn pairs that need a person.
        uncertain: Uncertain pairs, at most 1,000 of each doubt.
        doubts: How many there are of each doubt.
        by_rule: Drawn pairs that a rule or a grader without a model decides.
        undecided: Drawn pairs that nobody has looked at yet.
    """

    arm: Arm
    drawn: tuple[PairToLabel, ...]
    uncertain: tuple[PairToLabel, ...]
    doubts: dict[Doubt, int]
    by_rule: int
    undecided: int

    def queue(self, queue: Queue) -> tuple[PairToLabel, ...]:
        """The pairs of a queue."""
        return self.drawn if queue is Queue.DRAWN else self.uncertain


@dataclass(frozen=True, slots=True)
class ToLabel:
    """All queues of a pilot at one moment."""

    pilot: Pilot
    plan: RegisteredPlan
    closed: tuple[int, ...]
    candidates: tuple[CandidatePairs, ...]

    def pairs(self, queue: Queue, candidate: str | None) -> Iterator[PairToLabel]:
        """The pairs of a queue, of one candidate or of all; `NotFound` if there is no such candidate."""
        known = [each.arm.name for each in self.candidates]
        if candidate is not None and candidate not in known:
            message = f"the pilot {self.pilot.name!r} has no candidate {candidate!r}; it has {', '.join(known)}"
            raise NotFound(message, candidate=candidate)
        for each in self.candidates:
            if candidate in (None, each.arm.name):
                yield from each.queue(queue)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was read, after which action, how long that took, and until when it is good."""

    found: ToLabel
    action: int
    lasted_seconds: float
    until: float


@dataclass(slots=True)
class LabelQueues:
    """Reads the queues of pilots, and keeps what it read for a while."""

    session_factory: SessionFactory
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _refreshing: set[str] = field(default_factory=set)

    def read(self, pilot_name: str) -> ToLabel:
        """The queues of a pilot; read anew when somebody has done something with it, or after a while."""
        with self.session_factory() as session:
            action = newest_action(session, get_pilot(session, pilot_name).id)
        kept = self._kept.get(pilot_name)
        if kept is not None and kept.action == action:
            if time.monotonic() < kept.until:
                return kept.found
            if kept.lasted_seconds > LONG_SECONDS:
                self._refresh_aside(pilot_name, action)
                return kept.found
        with self._lock:
            now = self._kept.get(pilot_name)
            is_new = now is not None and now is not kept and now.action >= action
            return now.found if now is not None and is_new else self._read(pilot_name, action)

    def _read(self, pilot_name: str, action: int) -> ToLabel:
        began = time.monotonic()
        found = read_queues(self.session_factory, pilot_name, datetime.now(UTC))
        lasted = time.monotonic() - began
        until = began + lasted + min(KEPT_TIMES * lasted, KEPT_AT_MOST_SECONDS)
        self._kept[pilot_name] = _Kept(found, action, lasted, until)
        return found

    def _refresh_aside(self, pilot_name: str, action: int) -> None:
        """Nobody waits for what is only some minutes old."""
        if pilot_name in self._refreshing:
            return
        self._refreshing.add(pilot_name)

        def refresh() -> None:
            try:
                self._read(pilot_name, action)
            except Exception:
                log.exception("the queues of %s cannot be read; what was read before stays", pilot_name)
            finally:
                self._refreshing.discard(pilot_name)

        Thread(target=refresh, name=f"label-queues-{pilot_name}", daemon=True).start()


def read_queues(session_factory: SessionFactory, pilot_name: str, now: datetime) -> ToLabel:
    """The queues of a pilot as they are stored."""
    with session_factory() as session:
        pilot = get_pilot(session, pilot_name)
    settle_without_model(session_factory, pilot)  # what a rule decides is nobody's work
    with one_snapshot(session_factory) as session:
        pilot = get_pilot(session, pilot_name)
        registration = registration_of(session, pilot.id)
        plan = plan_of(pilot, registration)
        evidence = read_evidence(session, pilot)
        selection = select_evidence(pilot, evidence, now=now, ledger=read_ledger(session, pilot, now=now))
        changes, sightings = changes_of(session, pilot.id), sightings_of(session, pilot.id)
        found = []
        for arm in pilot.candidates:
            epochs = epochs_of(pilot, registration, changes, evidence, selection, candidate=arm.name, sightings=sightings)
            found.append(_candidate(pilot, plan, evidence, selection, arm, first_day=epochs.current.first_day))
        keys = [pair.key for each in found for pair in (*each.drawn, *each.uncertain)]
        kept = pairs_with_text(session, keys, pilot.incumbent.id)
    return ToLabel(pilot, plan, selection.closed, tuple(_with_text(each, kept) for each in found))


def open_pairs(
    pairs: Iterable[PairToLabel], answers: Sequence[StoredAnswer], rater: str, *, raters_per_pair: int
) -> list[PairToLabel]:
    """What a rater may be shown, in the rater's own order: day after day, by hash inside a day, whatever came of the pairs.

    A skip does not stand for an answer: the pair stays open for others. A label without a draw probability is no answer to a
    drawn pair.
    """
    mine = {answer.key for answer in answers if answer.rater == rater}
    drawn_by, all_by = _valued(answers, only_drawn=True), _valued(answers, only_drawn=False)

    def is_open(pair: PairToLabel) -> bool:
        by = (all_by if pair.draw_probability is None else drawn_by).get(pair.key, set())
        return pair.has_text and pair.key not in mine and len(by) < raters_per_pair

    return sorted(filter(is_open, pairs), key=lambda pair: (pair.day, _place(rater, pair)))


def _valued(answers: Iterable[StoredAnswer], *, only_drawn: bool) -> dict[PairKey, set[str]]:
    found: dict[PairKey, set[str]] = {}
    for answer in answers:
        if answer.value is not None and not (only_drawn and answer.draw_probability is None):
            found.setdefault(answer.key, set()).add(answer.rater)
    return found


def _place(rater: str, pair: PairToLabel) -> bytes:
    text = "\x1f".join(("place", rater, pair.external_id, str(pair.key.arm_id)))
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def _candidate(
    pilot: Pilot, plan: RegisteredPlan, evidence: Evidence, selection: Selection, arm: Arm, *, first_day: int
) -> CandidatePairs:
    """The pairs of the present epoch, which begins on `first_day`: what is said of an older model counts for nothing."""
    known, talks = evidence.arms[arm.name], conversations_of(evidence, selection)
    values = pair_values(pilot.configuration, evidence, known, selection)
    counts = values.counted.copy()
    counts[counts] = talks.days[talks.of_row[counts]] >= first_day
    drawn = drawn_pairs(plan, evidence.exchanges, talks, counts)
    drawn_rows = labelled_instead(drawn.rows, known.labels, counts, talks)
    judged = _for_a_judge(pilot, evidence, known)
    undecided = known.pairs.rules[drawn_rows] == ""
    wanted = judged[drawn_rows]
    chance = dict(zip(drawn_rows.tolist(), drawn.probability.tolist(), strict=True))
    make = _Maker(evidence, talks, arm)
    rest = judged & counts
    rest[drawn_rows] = False
    doubts = doubts_of(known, values, rest)
    return CandidatePairs(
        arm=arm,
        drawn=tuple(make.pair(row, chance[row], None) for row in drawn_rows[wanted].tolist()),
        uncertain=tuple(make.pair(row, None, doubt) for doubt, rows in doubts.items() for row in make.some(rows)),
        doubts={doubt: len(rows) for doubt, rows in doubts.items() if len(rows)},
        by_rule=int((~wanted & ~undecided).sum()),
        undecided=int(undecided.sum()),
    )


def _for_a_judge(pilot: Pilot, evidence: Evidence, arm: ArmEvidence) -> Flags:
    """Pairs that no rule decides and no deterministic grader, whether or not a judge has graded them."""
    segments = evidence.exchanges.segments
    judged = [name for name in set(segments.tolist()) if asks_a_model(pilot.configuration.grader_of(name))]
    return np.asarray((arm.pairs.rules == Rule.GRADER.value) & np.isin(segments, judged), dtype=bool)


@dataclass(frozen=True, slots=True)
class _Maker:
    evidence: Evidence
    talks: Conversations
    arm: Arm

    def some(self, rows: Numbers) -> list[int]:
        """Not too many of the rows, by hash."""
        ids: list[str] = self.evidence.exchanges.external_ids[rows].tolist()
        numbered = sorted(zip(ids, rows.tolist(), strict=True), key=lambda one: pair_point("uncertain", one[0]))
        return [row for _, row in numbered[:MOST_UNCERTAIN]]

    def pair(self, row: int, chance: float | None, doubt: Doubt | None) -> PairToLabel:
        exchanges, talks = self.evidence.exchanges, self.talks
        return PairToLabel(
            key=PairKey(int(exchanges.ids[row]), self.arm.id),
            external_id=exchanges.external_ids[row],
            day=int(talks.days[talks.of_row[row]]),
            segment=talks.segment_of_row[row],
            draw_probability=chance,
            doubt=doubt,
            has_text=False,
        )


def _with_text(found: CandidatePairs, kept: set[PairKey]) -> CandidatePairs:
    def told(pairs: Iterable[PairToLabel]) -> tuple[PairToLabel, ...]:
        return tuple(replace(pair, has_text=pair.key in kept) for pair in pairs)

    return replace(found, drawn=told(found.drawn), uncertain=told(found.uncertain))
