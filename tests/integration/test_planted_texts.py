"""A planted sentence goes every way that texts take into the database, and stands in no table of it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from sqlalchemy import text

from app.domain.exchange import Reply
from app.pipeline.grading import GradingLimits, ask_for_grading, grade_pilot
from app.pipeline.pilots import start_pilot
from app.pipeline.recording.storing import arrivals, store_batch
from app.pipeline.reporting import make_report, view_report
from app.store.payloads import ensure_partitions
from app.store.session import SessionFactory, session_scope
from tests.api import Published, an_api
from tests.builders import a_pilot
from tests.fake_judge import Call, Said, criteria_met, fake_judge, verdict
from tests.integration.importing import import_lines, opened, send
from tests.integration.replay_runs import OPERATOR, replay
from tests.live_events import exchange, received, reply
from tests.model_servers import completion, model_server
from tests.stored_pairs import StoredPair, store_pairs
from tests.unit.capture.lines import text_of

SECRET = "the planted sentence"
QUICK = GradingLimits(concurrency=20, timeout_seconds=5, lease_seconds=2, seconds=20, first_pause_seconds=0.01)
DAY_ONE, DAY_THREE = datetime(2026, 9, 7, tzinfo=UTC), datetime(2026, 9, 9, 12, tzinfo=UTC)
SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "n", "schema": {"type": "object", "properties": {"n": {"type": "integer"}}}},
}


def a_line(number: int, incumbent: str, candidate: str | None, segment: str = "other", **request: Any) -> dict[str, Any]:
    asked = {"model": "gpt-5.1", "messages": [{"role": "user", "content": f"{SECRET} {number}"}], **request}
    replies = {"incumbent": {"content": incumbent}} | ({"qwen": {"content": candidate}} if candidate is not None else {})
    return {
        "exchange_id": f"e-{number}", "arrived_at": f"2026-09-07T10:00:{number:02}Z", "segment": segment, "request": asked,
        "replies": replies, **({"reference": f"{SECRET} is right"} if segment == "other" else {}),
    }  # fmt: skip


def says_it(call: Call) -> Said:
    return verdict("second", reasoning=f"it says: {SECRET}") if call.second else criteria_met(1.0, evidence=SECRET)


async def answers_it(_: web.Request) -> web.StreamResponse:
    return web.json_response(completion(f"{SECRET}, the server said"))


def tables_with(factory: SessionFactory, sentence: str) -> set[str]:
    """Tables in any column of which the sentence stands, as words or as bytes."""
    with factory() as session:
        tables = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        found = set()
        for name in list(session.scalars(text(tables))):
            query = text(f"SELECT EXISTS (SELECT FROM {name} AS t WHERE t::text ILIKE :words OR t::text LIKE :bytes)")
            values = {"words": f"%{sentence}%", "bytes": f"%{sentence.encode().hex()}%"}
            found |= {name} if session.scalar(query, values) else set()
    return found


def record_live(factory: SessionFactory) -> None:
    """An exchange with a reply, and a reply whose exchange never comes."""
    asked = orjson.dumps({"messages": [{"role": "user", "content": SECRET}]})
    events = received(exchange(1, request=asked), reply(1, text=SECRET), reply(7, text=SECRET))
    with session_scope(factory) as session:
        ensure_partitions(session, arrivals(events))
    with session_scope(factory) as session:
        store_batch(session, events, retry_window_seconds=60)


def test_the_planted_sentence_stands_in_no_table(session_factory: SessionFactory, tmp_path: Path) -> None:
    with fake_judge(says_it) as judge, model_server(answers_it) as url, an_api(session_factory, tmp_path) as api:
        with session_scope(session_factory) as session:
            free = {"input_usd_per_million_tokens": 0, "output_usd_per_million_tokens": 0}
            pilot = a_pilot(
                session,
                pilot={"starts": DAY_ONE.date()},
                judge={"base_url": judge.url, "model": "judge-1", **free},
                report={"examples": 3},
                candidate=[{"name": "qwen", "base_url": url, "model": "Qwen/Qwen3.5", "license": "Apache-2.0"}],
                rubric=[{"name": "kind", "criteria": [{"text": "it is kind", "points": 1}]}],
                segment=[{"name": "scored", "match": {"header": "scored"}, "grader": "rubric:kind"}],
            )
            start_pilot(session, pilot.name, "ada", DAY_ONE)
        import_lines(
            api,
            a_line(1, SECRET, f"{SECRET} and more"),
            a_line(2, '{"n": 1}', f'{{"n": "{SECRET}"}}', response_format=SCHEMA),
            a_line(3, f"{SECRET} a", f"{SECRET} b", "scored"),
            a_line(4, SECRET, None),
        )
        import_lines(api, a_line(1, SECRET, f"{SECRET} and more") | {"conversation_id": "c-1"})
        unfinished = text_of(a_line(9, SECRET, SECRET))
        assert send(api, opened(api, unfinished)["id"], 0, unfinished).status_code == 200
        assert replay(session_factory).replay.progress["qwen"].answered == 1
        with session_scope(session_factory, Published()) as session:
            ask_for_grading(session, pilot.name, "ada")
        while grade_pilot(session_factory, pilot.id, QUICK):
            pass
        made = make_report(session_factory, pilot.name, DAY_THREE, examples=True)
    record_live(session_factory)  # behind the report: a day of live traffic is closed by the recorder
    shown = view_report(session_factory, made, OPERATOR)
    assert any(SECRET in each.request and SECRET in " ".join(each.reasons) for each in shown.examples), shown.examples
    with session_factory() as session:
        counts = session.execute(text("""SELECT (SELECT count(*) FROM payloads), (SELECT count(*) FROM waiting_replies),
            (SELECT count(*) FROM staged_replies), (SELECT count(*) FROM rubric_scores WHERE evidence <> '{}'),
            (SELECT count(*) FROM grades WHERE reason <> ''), (SELECT count(*) FROM report_examples),
            (SELECT count(*) FROM pairs WHERE facts ? 'violations')""")).one()  # fmt: skip
    assert min(counts) > 0, counts
    assert tables_with(session_factory, SECRET) == set()
    with session_scope(session_factory) as session:  # the search itself is right
        other = a_pilot(session, pilot={"name": "other"})
        store_pairs(session, other, [StoredPair("plain", Reply(SECRET), Reply("no"))])
    assert {name.partition("_")[0] for name in tables_with(session_factory, SECRET)} == {"payloads"}
