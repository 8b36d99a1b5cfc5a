"""Scores of replies by rubrics: stored once a reply, whatever the number of candidates."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.domain.rubric_scores import CriterionMet, NewScore, Score
from app.store.grading_tables import RubricScoreRow
from app.store.text_format import TextCipher
from app.store.text_removal import forget_late
from app.store.texts import texts_of

_KEY = ("exchange_id", "arm_id", "grader", "rater", "version")


def insert_scores(session: Session, pilot_id: int, scores: Sequence[NewScore]) -> None:
    """Stores scores; one that is there already stays as it is."""
    # Who shares an answer stores it too, and paid nothing: the row says what was paid by the one who asked.
    by_key = {_key(new): new for new in sorted(scores, key=lambda new: new.calls)}
    if not by_key:
        return
    statement = insert(RubricScoreRow)
    paid = {name: func.greatest(getattr(RubricScoreRow, name), statement.excluded[name]) for name in ("calls", "cost_usd")}
    # One order for all: no deadlocks.
    cipher = texts_of(session).sealing(pilot_id)
    rows = [_row(pilot_id, by_key[key], cipher) for key in sorted(by_key)]
    session.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=paid), rows)
    forget_late(session, {new.exchange_id for new in by_key.values()})


def read_scores(session: Session, exchanges: Iterable[int], *, rater: str) -> Mapping[int, list[Score]]:
    """Every score by one rater, by exchange."""
    t = RubricScoreRow
    columns = (t.exchange_id, t.arm_id, t.grader, t.version, t.value, t.ungraded, t.met, t.evidence, t.quoted, t.pilot_id)
    query = select(*columns).where(t.exchange_id.in_(list(exchanges)), t.rater == rater)
    found: dict[int, list[Score]] = defaultdict(list)
    texts = texts_of(session)
    for row in session.execute(query.order_by(t.exchange_id, t.arm_id, t.grader, t.version)).all():
        evidence = [texts.open_words(row.pilot_id, each) or "" for each in row.evidence]
        criteria = tuple(CriterionMet(*each) for each in zip(row.met, evidence, row.quoted, strict=True))
        found[row.exchange_id].append(Score(row.arm_id, row.grader, row.version, row.value, row.ungraded, criteria))
    return found


def forget_unanswered(session: Session, pilot_id: int, *, final: Iterable[str]) -> None:
    """Takes away what says nothing of a reply, so that it is asked again; reasons that are the judge's own answer stay."""
    t = RubricScoreRow
    session.execute(delete(t).where(t.pilot_id == pilot_id, t.ungraded.is_not(None), t.ungraded.not_in(list(final))))


def count_scores(session: Session, pilot_id: int) -> dict[tuple[str, str], int]:
    """How many replies are scored, by grader and version."""
    t = RubricScoreRow
    query = select(t.grader, t.version, func.count()).where(t.pilot_id == pilot_id, t.value.is_not(None))
    return {(grader, version): number for grader, version, number in session.execute(query.group_by(t.grader, t.version))}


def _key(new: NewScore) -> tuple[int, int, str, str, str]:
    return new.exchange_id, new.score.arm_id, new.score.grader, new.rater, new.score.version


def _row(pilot_id: int, new: NewScore, cipher: TextCipher | None) -> dict[str, object]:
    """Without a cipher, its words are not kept: the pilot's texts were shredded."""
    score = new.score
    return {
        "pilot_id": pilot_id,
        "exchange_id": new.exchange_id,
        "arm_id": score.arm_id,
        "grader": score.grader,
        "rater": new.rater,
        "version": score.version,
        "value": score.value,
        "ungraded": score.ungraded,
        "reason": _sealed(cipher, new.reason),
        "met": [each.met for each in score.criteria],
        "evidence": [_sealed(cipher, each.evidence) for each in score.criteria],
        "quoted": [each.is_quoted for each in score.criteria],
        "calls": new.calls,
        "cost_usd": new.cost_usd,
        "at": new.at,
    }


def _sealed(cipher: TextCipher | None, words: str) -> str:
    return cipher.seal_words(words) if cipher is not None and words else ""
