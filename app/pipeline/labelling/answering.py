"""One person at work: the next pair, the answer, taking the last answer back, how far it is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.domain.grading import PairRecord
from app.domain.labelling import Answer, Label, LabelSource, Queue, StoredAnswer, preference_of
from app.domain.pilot import Pilot
from app.domain.words import ArmRole, PilotState
from app.errors import Conflict, InvalidInput, NotFound, Problem
from app.pipeline.labelling.blind import BlindPair, Sealing, ShownPair, blind_pair, shown_for
from app.pipeline.labelling.queues import LabelQueues, PairToLabel, ToLabel, open_pairs
from app.pipeline.pair_view import note_reading
from app.pipeline.settlement import arm_name
from app.store.audit import record
from app.store.grades import read_pairs
from app.store.labels import (
    external_id_of,
    hold_labels,
    labels_of,
    list_answers,
    newest_label,
    pairs_there,
    put_labels,
    remove_label,
)
from app.store.pilots import get_pilot
from app.store.session import SessionFactory, session_scope

MAX_REASON = 200
BOTH_BAD = Answer.BOTH_BAD.value


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """What a person says of a pair.

    Attributes:
        reason: Why a skipped pair was skipped; a remark on any other.
        critical_first: The reply shown first must never happen.
        critical_second: The reply shown second must never happen.
    """

    token: str
    answer: Answer
    reason: str | None = None
    critical_first: bool = False
    critical_second: bool = False


@dataclass(frozen=True, slots=True)
class DayProgress:
    """How many of a day's pairs have an answer, of how many."""

    day: int
    answered: int
    pairs: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rater, and all raters together, are with a queue.

    Attributes:
        made: Answers by this rater, skips included, to pairs of the queue.
        made_today: Pairs of the queue that anybody answered on this calendar day of the pilot.
        per_day: How many a day were planned.
        left: Pairs that this rater may still be shown.
        without_text: Pairs that nobody can be shown, because their texts are not kept (any more).
        days: Day by day; only those with pairs.
    """

    made: int
    made_today: int
    per_day: int
    left: int
    without_text: int
    days: tuple[DayProgress, ...]

    @property
    def left_today(self) -> int:
        """How many more make the planned number of today."""
        return min(self.left, max(0, self.per_day - self.made_today))


@dataclass(frozen=True, slots=True)
class Task:
    """What a rater is shown: a pair or, with `pair` `None`, that there is none."""

    pilot: Pilot
    queue: Queue
    progress: Progress
    token: str | None
    day: int | None
    segment: str | None
    pair: BlindPair | None


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A pair whose answer was taken back, to be answered again."""

    token: str
    queue: Queue


@dataclass(frozen=True, slots=True)
class Desk:
    """Where people label.

    Attributes:
        queues: What there is to label.
        sealing: Makes and opens tokens.
    """

    queues: LabelQueues
    sealing: Sealing

    @classmethod
    def of(cls, session_factory: SessionFactory, pepper: str) -> "Desk":
        """The desk of a web process."""
        return cls(LabelQueues(session_factory), Sealing(pepper))

    @property
    def session_factory(self) -> SessionFactory:
        """Sessions on the store."""
        return self.queues.session_factory

    def next_task(self, name: str, rater: str, queue: Queue, *, candidate: str | None = None, token: str | None = None) -> Task:
        """The next pair of a queue that the rater has not answered, or the one of a token.

        Args:
            name: The pilot's.
            rater: Who asks; the order of the replies and of the pairs of a day is the rater's own.
            queue: Which one.
            candidate: Of one candidate only; default: of all, which the rater cannot tell apart.
            token: Shows this pair (again), such as one whose answer was taken back.
        """
        found = self.queues.read(name)
        with self.session_factory() as session:
            answers = list_answers(session, found.pilot.id)
            offered = list(found.pairs(queue, candidate))
            left = open_pairs(offered, answers, rater, raters_per_pair=_raters(found))
            progress = progress_of(found, offered, answers, rater, left=len(left))
            again = [] if token is None else _chosen(self.sealing, found.pilot, token, offered)
            now = get_pilot(session, name)
            is_open = now.state is PilotState.RUNNING
            shown = self._first_readable(session, found.pilot, [*again, *left], rater) if is_open else None
            exchange = None if shown is None else external_id_of(session, shown[0].key.exchange_id)
        if shown is None:
            return Task(found.pilot, queue, progress, None, None, None, None)
        note_reading(self.session_factory, now, rater, [exchange] if exchange is not None else [], page="label")
        pair, order, blind = shown
        return Task(found.pilot, queue, progress, self.sealing.token(found.pilot, order), pair.day, pair.segment, blind)

    def answer(self, name: str, rater: str, given: GivenAnswer, now: datetime | None = None) -> Label:
        """Stores an answer; a second one to the same pair counts instead of the first, which the audit log keeps.

        Raises:
            InvalidInput: The token is none, or a skip has no reason.
            Conflict: The pilot is not running, or the rater's label of that pair was imported.
        """
        with session_scope(self.session_factory) as session:
            pilot = running_pilot(session, name)
            shown = self.sealing.open(pilot, given.token)
            label = label_of(pilot, shown, given, rater, at=now or datetime.now(UTC))
            if not pairs_there(session, [shown.key]):
                message = "the pair of this token is not there (any more)"
                raise NotFound(message)
            hold_labels(session, pilot.id)
            before = labels_of(session, [(label.key, rater)]).get((label.key, rater))
            if before is not None and before.source is LabelSource.IMPORTED:
                message = f"{rater!r} has an imported label of this pair, which stays as it is"
                raise Conflict(message, rater=rater)
            put_labels(session, pilot.id, [label])
            if before is not None:
                record(session, rater, "label.correct", pilot.id, **facts_of(session, pilot, before))
        return label

    def take_back(self, name: str, rater: str) -> TakenBack | None:
        """Forgets the rater's last answer, which the audit log keeps; its pair, or `None` = there was none."""
        with session_scope(self.session_factory) as session:
            pilot = running_pilot(session, name)
            hold_labels(session, pilot.id)
            last = newest_label(session, pilot.id, rater, LabelSource.PAGE)
            if last is None:
                return None
            remove_label(session, last.key, rater)
            record(session, rater, "label.undo", pilot.id, **facts_of(session, pilot, last))
        shown = ShownPair(last.key, last.shown_first != ArmRole.INCUMBENT.value, last.draw_probability)
        return TakenBack(self.sealing.token(pilot, shown), shown.queue)

    def _first_readable(
        self, session: Session, pilot: Pilot, pairs: Sequence[PairToLabel], rater: str
    ) -> tuple[PairToLabel, ShownPair, BlindPair] | None:
        """The first pair whose texts are still there; what was read of the queues may be some minutes old."""
        for pair in pairs:
            shown = shown_for(pair, rater)
            blind = blind_pair(pilot, _record(session, pilot, shown), shown)
            if blind is not None:
                return pair, shown, blind
        return None


def label_of(pilot: Pilot, shown: ShownPair, given: GivenAnswer, rater: str, *, at: datetime) -> Label:
    """What an answer to a shown pair means for the arm that is compared with the incumbent."""
    reason = " ".join((given.reason or "").split()) or None
    if given.answer is Answer.SKIP and reason is None:
        message = "a skipped pair needs a reason"
        raise InvalidInput(message, (Problem(message, field="reason", code="missing"),))
    if reason is not None and (len(reason) > MAX_REASON or "\0" in reason):
        message = f"reason must have at most {MAX_REASON} characters and no NUL"
        raise InvalidInput(message, (Problem(message, field="reason", code="too_long"),))
    first, second = given.critical_first, given.critical_second
    arm, incumbent = arm_name(pilot, shown.key.arm_id), ArmRole.INCUMBENT.value
    is_skipped = given.answer is Answer.SKIP
    if given.answer is Answer.BOTH_BAD:
        reason = f"{BOTH_BAD}: {reason}" if reason else BOTH_BAD
    return Label(
        key=shown.key,
        rater=rater,
        value=preference_of(given.answer, arm_is_first=shown.arm_is_first),
        at=at,
        source=LabelSource.PAGE,
        skipped=reason if is_skipped else None,
        critical=first if shown.arm_is_first else second,
        incumbent_critical=second if shown.arm_is_first else first,
        reason=None if is_skipped else reason,
        draw_probability=shown.draw_probability,
        at_given=True,
        shown_first=arm if shown.arm_is_first else incumbent,
    )


def running_pilot(session: Session, name: str) -> Pilot:
    """The pilot, if labels may be added to it; `Conflict` if it was not started or is stopped."""
    pilot = get_pilot(session, name)
    if pilot.state is PilotState.RUNNING:
        return pilot
    why = (
        "is not started: nobody is drawn yet" if pilot.state is PilotState.DRAFT else "is stopped: its labels stay as they are"
    )
    message = f"the pilot {name!r} {why}"
    raise Conflict(message, pilot=name, state=pilot.state.value)


def facts_of(session: Session, pilot: Pilot, label: Label) -> dict[str, Any]:
    """A label as the audit log keeps it."""
    facts = {name: value for name, value in asdict(label).items() if value is not None and name not in ("key", "at", "source")}
    facts |= {"at": label.at.isoformat(), "source": label.source.value, "arm": arm_name(pilot, label.key.arm_id)}
    return facts | {"exchange_id": external_id_of(session, label.key.exchange_id)}


def progress_of(
    found: ToLabel, pairs: Sequence[PairToLabel], answers: Sequence[StoredAnswer], rater: str, *, left: int
) -> Progress:
    """How far a queue is."""
    zone = ZoneInfo(found.pilot.configuration.pilot.timezone)
    today = datetime.now(zone).date()
    ours = {pair.key: pair for pair in pairs}
    told = [answer for answer in answers if answer.key in ours]
    answered = {answer.key for answer in told if answer.value is not None}
    by_day, done_by_day = Counter(pair.day for pair in pairs), Counter(ours[key].day for key in answered)
    return Progress(
        made=sum(answer.rater == rater for answer in told),
        made_today=len({a.key for a in told if a.source is LabelSource.PAGE and a.at.astimezone(zone).date() == today}),
        per_day=found.pilot.configuration.labels.per_day,
        left=left,
        without_text=sum(not pair.has_text for pair in pairs),
        days=tuple(DayProgress(day, done_by_day[day], count) for day, count in sorted(by_day.items())),
    )


def _chosen(sealing: Sealing, pilot: Pilot, token: str, offered: Sequence[PairToLabel]) -> list[PairToLabel]:
    key = sealing.open(pilot, token).key
    return [pair for pair in offered if pair.key == key]


def _raters(found: ToLabel) -> int:
    return found.pilot.configuration.labels.raters_per_pair


def _record(session: Session, pilot: Pilot, shown: ShownPair) -> PairRecord:
    (found,) = read_pairs(session, pilot, [shown.key], rater=None)
    return found
