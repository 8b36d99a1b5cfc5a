"""A pilot that knows a conversation of Anna, in every table that can hold her words, and a search through all tables."""

from datetime import timedelta

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.domain.exchange import Reply
from app.domain.grading import NewGrade, PairKey
from app.domain.labelling import Label, LabelSource
from app.domain.pilot import Pilot
from app.domain.rubric_scores import CriterionMet, NewScore, Score
from app.pipeline.content import hidden_name
from app.pipeline.grading import settle_without_model
from app.pipeline.pilots import start_pilot
from app.pipeline.reporting import make_report
from app.store.audit import record
from app.store.grades import insert_grades
from app.store.labels import put_labels
from app.store.live_replies import park_replies
from app.store.rubric_scores import insert_scores
from app.store.session import SessionFactory, session_scope
from tests.builders import a_pilot
from tests.stored_pairs import ARRIVED, StoredPair, a_request, store_imported_grade, store_pairs

KEY = b"k" * 32
NOW = ARRIVED + timedelta(days=40)
SENTENCE, TALK, USER = "my sister Anna lives in the red house", "talk-of-anna", "anna-4711"
TABLES = {
    "judge": {"rater": "gpt-4"}, "report": {"examples": 4}, "pilot": {"starts": ARRIVED.date()},
    "labels": {"per_day": 5}, "sampling": {"rate": 0.5},
}  # fmt: skip
HERS = ("e-00", "e-01", "e-02")


def a_known_pilot(factory: SessionFactory, *, pairs: int = 40) -> Pilot:
    """Running, graded, with a report; the first three exchanges are Anna's."""
    with session_scope(factory) as session:
        pilot = start_pilot(session, a_pilot(session, **TABLES).name, "ops", ARRIVED).pilot
        ids = store_pairs(session, pilot, [_pair(number) for number in range(pairs)])
        for number, (name, exchange_id) in enumerate(ids.items()):
            for first in ("incumbent", "qwen"):
                value = 0.0 if name in HERS else (number % 5) / 4
                store_imported_grade(session, pilot, exchange_id, rater="gpt-4", value=value, shown_first=first)
        mark = Label(PairKey(ids["e-00"], pilot.arm_named("qwen").id), "r1", 0.0, ARRIVED, LabelSource.PAGE, critical=True)
        put_labels(session, pilot.id, [mark])
        _lead_to_anna(session, pilot, [ids[name] for name in HERS])
    settle_without_model(factory, pilot)
    with session_scope(factory) as session:
        _quote(session, pilot, [ids[name] for name in HERS])
        _write_beside(session, pilot, [ids[name] for name in HERS])
    make_report(factory, pilot.name, NOW, examples=True)
    return pilot


def _pair(number: int) -> StoredPair:
    name = f"e-{number:02d}"
    said = f"{name}: {SENTENCE}" if name in HERS else f"{name}: nothing of anybody"
    return StoredPair(
        name, Reply(f"yes, {said}"), Reply(f"no, {said}"), a_request(said, user=USER if name in HERS else "somebody"),
        arrived_at=ARRIVED + timedelta(hours=7 * number), sample_point=(number % 10) / 20,
    )  # fmt: skip


def _lead_to_anna(session: Session, pilot: Pilot, ids: list[int]) -> None:
    facts = orjson.dumps({"user_hash": hidden_name(KEY, USER), "body_hash": "0123"}).decode()
    session.execute(
        text(
            "UPDATE exchanges SET conversation_id = :talk, user_hash = :user, facts = CAST(:facts AS jsonb), sample_point = 0.1"
            " WHERE id = ANY(:ids)"
        ),
        {"talk": TALK, "user": hidden_name(KEY, USER), "facts": facts, "ids": ids},
    )
    session.execute(
        text(
            "INSERT INTO imports (pilot_id, file_key, format, state, layout, by, problems, finished_at)"
            " VALUES (:pilot, 'k', 'pilot', 'refused', 'l', 'ops', CAST(:problems AS jsonb), now())"
        ),
        {"pilot": pilot.id, "problems": orjson.dumps([{"message": f"{SENTENCE!r} is no time", "line": 3}]).decode()},
    )


def _write_beside(session: Session, pilot: Pilot, ids: list[int]) -> None:
    """What servers, mirrors and people left beside her words."""
    left = {
        "adaptation": [{"parameter": "user", "action": "dropped", "from": USER, "to": None, "why": "unknown"}],
        "usage": {"prompt_tokens": 3, "said": SENTENCE},
        "checks": {"text_digest": "d1", "tools_digest": None, "violation": None, "label_digest": None, "calls": []},
    }
    query = (
        "UPDATE replies SET adaptation = CAST(:adaptation AS jsonb), usage = CAST(:usage AS jsonb),"
        " checks = CAST(:checks AS jsonb) WHERE exchange_id = ANY(:ids)"
    )
    session.execute(text(query), {name: orjson.dumps(value).decode() for name, value in left.items()} | {"ids": ids})
    session.execute(
        text("UPDATE labels SET reason = 'both_bad: ' || :said WHERE exchange_id = ANY(:ids)"), {"said": SENTENCE, "ids": ids}
    )
    record(session, "r1", "label.correct", pilot.id, exchange_id=HERS[0], reason=SENTENCE, value=0.0)


def _quote(session: Session, pilot: Pilot, ids: list[int]) -> None:
    """What graders say of her words."""
    arm = pilot.arm_named("qwen").id
    at = ARRIVED + timedelta(days=1)
    grades = [
        NewGrade(
            PairKey(number, arm), "label", "", "1", None, 0.0, None, f"'{SENTENCE}' instead of 'x'", at,
            facts={"incumbent": SENTENCE, "arm": None, "paths": [f"$.{SENTENCE}"], "agreement": 0.0},
        )
        for number in ids
    ]  # fmt: skip
    insert_grades(session, pilot.id, grades)
    criteria = (CriterionMet(1.0, SENTENCE), CriterionMet(0.0))
    scores = [NewScore(number, Score(arm, "rubric:kind", "1", 0.5, None, criteria), "gpt-4", SENTENCE, at) for number in ids]
    insert_scores(session, pilot.id, scores)
    violations = orjson.dumps({"violations": {"arm": [f"json_schema: {SENTENCE!r} is not of type"]}}).decode()
    session.execute(
        text("UPDATE pairs SET facts = facts || CAST(:facts AS jsonb) WHERE exchange_id = ANY(:ids)"),
        {"facts": violations, "ids": ids},
    )
    park_replies(session, pilot.id, [("e-00", "qwen", b'{"v": 1}', SENTENCE.encode())])


def tables_with(session: Session, words: str) -> list[str]:
    """Every table in which a row has these words, as text, in JSON, in arrays or in bytes."""
    tables = session.scalars(
        text(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"
        )
    ).all()
    parameters = {"words": f"%{words}%", "hex": f"%{words.encode().hex()}%"}
    query = "SELECT EXISTS (SELECT FROM {} t WHERE to_jsonb(t)::text LIKE :words OR to_jsonb(t)::text LIKE :hex)"
    return [table for table in tables if session.scalar(text(query.format(table)), parameters)]
