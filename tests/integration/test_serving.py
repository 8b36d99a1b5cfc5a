"""What a pilot watches on its candidate's server: through a real mirror, a real simulator and a real recorder's transaction."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx2
import orjson
import pytest
from aiohttp import web
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.api.pilot_models import status_body
from app.capture.events import decode
from app.domain.live import RepeatEvent
from app.domain.pilot import Pilot
from app.domain.serving import ServerReadings
from app.pipeline.recording.checking import read_entries
from app.pipeline.recording.storing import Stored, arrivals, store_batch
from app.pipeline.scorecard_inputs import inputs_hash_of, read_inputs
from app.pipeline.status import status_of
from app.providers.server_metrics import readings_of
from app.simulator.assistant import CANDIDATE
from app.simulator.faults import Fault, Faults
from app.simulator.models import SimulatedModel
from app.simulator.server_figures import Ageing
from app.simulator.serving import Endpoint, serve
from app.store.payloads import ensure_partitions
from app.store.server_metrics import keep_readings, mark_serving, read_serving
from app.store.session import SessionFactory, session_scope
from app.store.spend import spent
from tests.builders import a_pilot
from tests.integration.mirroring import Asked, MakeStage, Stage, a_candidate, a_request, a_running_pilot, make_stage
from tests.integration.scorecard_pilots import card_of, spread, started
from tests.integration.scorecard_rows import DAY, START
from tests.live_events import ARRIVAL, ARRIVAL_US, PILOT, exchange, received, reply
from tests.model_servers import model_server

__all__ = ["make_stage"]
HOUR = timedelta(hours=1)


def repeats(stage: Stage) -> dict[int, RepeatEvent]:
    entries: Any = stage.client.xrange("record")
    found = [event for _, entry in entries if isinstance(event := decode(entry, stage.sealer), RepeatEvent)]
    assert len({event.number for event in found}) == len(found)
    return {event.number: event for event in found}


def run(stage: Stage, *requests: Any, until: Any = lambda: True) -> None:
    """A mirror works on the requests, then goes on until something has happened."""

    async def story() -> None:
        async with stage.mirror():
            stage.put(*requests)
            await stage.until_done()
            await stage.until(until)

    asyncio.run(story())


@pytest.mark.parametrize(("varies", "equal"), [(0.0, True), (1.0, False)])
def test_a_call_is_made_twice_and_only_whether_the_answer_was_the_same_is_told(
    make_stage: MakeStage, session_factory: SessionFactory, varies: float, equal: bool
) -> None:
    with serve(Endpoint(SimulatedModel(CANDIDATE, "qwen-model"), varies=varies)) as url:
        pilot = a_running_pilot(
            session_factory, a_candidate(f"{url}/v1", repeat_rate=1), a_candidate(f"{url}/v1", "phi", repeat_rate=0)
        )
        stage = make_stage()
        run(
            stage,
            a_request(1, "hello", temperature=0), a_request(2, "hello", seed=7), a_request(3, "hello", temperature=0.7),
        )  # fmt: skip
    found = repeats(stage)
    assert {number: (event.arm, event.is_equal, event.is_deterministic) for number, event in found.items()} == {
        1: ("qwen", equal, True),
        2: ("qwen", equal, True),
        3: ("qwen", equal, False),
    }
    assert all(event.failure is None and (event.total_seconds or 0) > 0 for event in found.values())
    entries: Any = stage.client.xrange("record")
    kinds = [orjson.loads(entry[b"h"])["kind"] for _, entry in entries]
    assert kinds.index("exchange") < kinds.index("repeat")
    assert kinds.index("arm_reply") < kinds.index("repeat")
    assert all(b"hello" not in entry[b"b"] for _, entry in entries if b'"repeat"' in entry[b"h"])
    events, bad = read_entries([(number.decode(), entry) for number, entry in entries], stage.sealer, datetime.now(UTC))
    with session_scope(session_factory) as session:
        ensure_partitions(session, arrivals(events))
        kept = store_batch(session, events, retry_window_seconds=60)
        arms = {arm.name: arm.id for arm in pilot.candidates}
        seen = read_serving(session, pilot.id, arms, until=datetime.now(UTC) + HOUR)
    assert (bad, kept.rejected, kept.repeats) == ([], [], 3)
    assert {(each.is_deterministic, each.is_equal): each.calls for each in seen["qwen"].repeats} == {
        (True, equal): 2,
        (False, equal): 1,
    }
    assert seen["phi"].repeats == ()


def test_what_fails_the_first_time_is_not_repeated_and_what_fails_the_second_is_told(
    make_stage: MakeStage, session_factory: SessionFactory
) -> None:
    faults = Faults(script=[Fault.SERVER_ERROR, Fault.NONE, Fault.SERVER_ERROR])
    with serve(Endpoint(SimulatedModel(CANDIDATE, "qwen-model"), faults=faults)) as url:
        a_running_pilot(session_factory, a_candidate(f"{url}/v1", repeat_rate=1))
        stage = make_stage()
        run(stage, a_request(1, "one"))
        run(stage, a_request(2, "two", temperature=0))
    assert {number: reply.columns["failure"] for number, reply in stage.replies().items()} == {1: "http", 2: None}
    (told,) = repeats(stage).values()
    assert (told.number, told.is_equal, told.failure, told.is_deterministic) == (2, None, "http", True)


def test_a_repeat_that_the_budget_does_not_hold_is_not_made(make_stage: MakeStage, session_factory: SessionFactory) -> None:
    asked = Asked()
    prices: dict[str, Any] = {"input_usd_per_million_tokens": 0, "output_usd_per_million_tokens": 100}
    with model_server(asked) as url:
        # 5 tokens of an answer cost $0.0005; a call reserves ten tokens, $0.001: enough for one call and half of another.
        a_running_pilot(session_factory, a_candidate(url, repeat_rate=1, **prices), mirror={"budget_usd": "0.0014"})
        stage = make_stage()
        run(stage, a_request(1, max_tokens=10))
    assert len(asked.requests) == 1
    assert stage.replies()[1].usd == "0.0005"
    assert repeats(stage) == {}


def test_a_page_is_read_by_one_of_several_mirrors_and_kept(make_stage: MakeStage, session_factory: SessionFactory) -> None:
    with serve(Endpoint(SimulatedModel(CANDIDATE, "qwen-model"))) as url:
        pilot = a_running_pilot(
            session_factory,
            a_candidate(f"{url}/v1", server="vllm"),
            a_candidate(f"{url}/v1", "none", server="vllm", metrics_url=""),
            a_candidate(f"{url}/v1", "gone", metrics_url=f"{url}/nothing"),
        )
        stage = make_stage(server_metrics_seconds=3600)

        def rows() -> list[Any]:
            with session_factory() as session:
                return list(session.execute(text("SELECT arm_id, problem, readings FROM server_metrics ORDER BY arm_id")))

        async def story() -> None:
            async with stage.mirror("mirror-1"):
                await stage.until(lambda: len(rows()) >= 2)
                async with stage.mirror("mirror-2") as other:
                    await stage.until(other.is_consuming.is_set)
                    await asyncio.sleep(0.2)  # it has looked by then

        asyncio.run(story())
        found = rows()
    arms = {arm.name: arm.id for arm in pilot.candidates}
    assert [row.arm_id for row in found] == [arms["qwen"], arms["gone"]]  # once each, though two mirrors run
    assert (found[0].problem, found[0].readings["server"], found[0].readings["running"]) == (None, "vllm", 0)
    assert abs(found[0].readings["process_started_at"] - datetime.now(UTC).timestamp()) < 600
    assert (found[1].problem, found[1].readings) == ("it answers with status 404", {})


def test_the_candidate_s_key_goes_to_its_own_host_alone(make_stage: MakeStage, session_factory: SessionFactory) -> None:
    keys: dict[str, list[str | None]] = {"own": [], "other": []}

    def page(name: str) -> Any:
        async def answer(request: web.Request) -> web.StreamResponse:
            keys[name].append(request.headers.get("Authorization"))
            return web.Response(text="vllm:num_requests_running 1")

        return answer

    with model_server(page("own"), gets=("/metrics",)) as one, model_server(page("other"), gets=("/m",)) as two:
        key = {"api_key_env": "QWEN_KEY"}
        a_running_pilot(
            session_factory,
            a_candidate(one, server="vllm", **key),
            a_candidate(one, "phi", metrics_url=two.replace("/v1", "/m"), **key),
        )
        run(make_stage(environment={"QWEN_KEY": "secret"}, server_metrics_seconds=3600), until=lambda: all(keys.values()))
    assert keys == {"own": ["Bearer secret"], "other": [None]}


def test_a_simulated_server_counts_ages_and_leaks() -> None:
    ageing = Ageing(seconds_per_answer=0.05, kv_cache_per_answer=0.1)
    request = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
    with serve(Endpoint(SimulatedModel(CANDIDATE, "m"), ageing=ageing)) as url:
        pages = []
        for _ in range(3):
            pages.append(readings_of(httpx2.get(f"{url}/metrics").text, "m"))
            httpx2.post(f"{url}/v1/chat/completions", json=request)
    assert {page.server for page in pages} == {"vllm"}
    assert [page.values["kv_cache_usage_rate"] for page in pages] == pytest.approx([0.0, 0.1, 0.2])
    assert [page.values["ttft_count"] for page in pages] == [0, 1, 2]
    assert pages[2].values["ttft_seconds_sum"] >= 0.05
    assert pages[2].values["output_tokens"] == 2 * pages[1].values["output_tokens"] > 0
    assert {page.values["running"] for page in pages} == {0}


def stored(session: Session, *events: Any) -> Stored:
    batch = received(*events)
    ensure_partitions(session, arrivals(batch))
    return store_batch(session, batch, retry_window_seconds=60)


def repeat(number: int, **facts: Any) -> RepeatEvent:
    values: dict[str, Any] = {"arm": "qwen", "is_deterministic": True, "is_equal": True, "total_seconds": 0.5} | facts
    return RepeatEvent(PILOT, "b1", number, ARRIVAL_US + number * 1_000_000, **values)


def test_a_repeat_is_stored_once_and_paid_once(session: Session) -> None:
    pilot = a_pilot(session)
    events = [exchange(1), reply(1), reply(1, "qwen", usd="0.25"), repeat(1, usd="0.20")]
    assert [stored(session, *events).repeats, stored(session, *events, events[-1]).repeats] == [1, 0]
    assert spent(session, pilot.id, "repeat") == (1, Decimal("0.20"))
    assert spent(session, pilot.id, "mirror") == (1, Decimal("0.25"))
    failed = repeat(2, is_equal=None, failure="timeout", is_deterministic=False)
    lost = stored(session, exchange(2), failed, repeat(3), repeat(1, arm="nobody"))
    assert (lost.repeats, sorted(each.reason for each in lost.rejected)) == (1, ["arm_gone", "no_exchange"])
    (seen,) = read_serving(session, pilot.id, {"qwen": pilot.arm_named("qwen").id}, until=ARRIVAL + HOUR).values()
    assert {(each.is_deterministic, each.is_equal, each.failure, each.calls) for each in seen.repeats} == {
        (True, True, None, 1),
        (False, None, "timeout", 1),
    }
    assert mark_serving(session, pilot.id, until=ARRIVAL + timedelta(seconds=2)).repeats == 1
    assert mark_serving(session, pilot.id, until=None).repeats == 0


def keep(session: Session, pilot: Pilot, at: datetime, **values: float) -> None:
    keep_readings(session, pilot.id, pilot.arm_named("qwen").id, at, ServerReadings(values, "vllm"))


def test_readings_become_hours_and_lives_of_a_process(session: Session) -> None:
    pilot = a_pilot(session)
    first = START.timestamp() - 7200
    for minute, values in (
        (0, {"running": 2.0, "waiting": 0.0, "kv_cache_usage_rate": 0.2, "preemptions": 5.0, "process_started_at": first}),
        (30, {"running": 6.0, "waiting": 3.0, "kv_cache_usage_rate": 0.4, "preemptions": 7.0, "process_started_at": first}),
        (70, {"running": 1.0, "preemptions": 1.0, "process_started_at": first + 10_000.4}),
        (80, {"running": 1.0, "preemptions": 4.0, "process_started_at": first + 10_000.4}),
    ):
        keep(session, pilot, START + timedelta(minutes=minute), **values)
        keep(session, pilot, START + timedelta(minutes=minute), running=99.0)  # the same moment again
    arm = pilot.arm_named("qwen").id
    keep_readings(session, pilot.id, arm, START + timedelta(minutes=75), ServerReadings(problem="status 500\x00"))
    keep(session, pilot, START + 3 * HOUR, running=50.0)
    (seen,) = read_serving(session, pilot.id, {"qwen": arm}, until=START + 2 * HOUR).values()
    one, two = seen.hours
    assert (one.hour, one.readings, one.problems, one.running_mean, one.running_max) == (START, 2, 0, 4.0, 6.0)
    assert (one.waiting_mean, one.waiting_max, one.kv_cache_max, one.preemptions) == (1.5, 3.0, 0.4, 2.0)
    assert one.kv_cache_mean == pytest.approx(0.3)
    # A counter that fell began anew: what it says then was added since.
    assert (two.readings, two.problems, two.running_mean, two.waiting_mean, two.preemptions) == (2, 1, 1.0, None, 4.0)
    assert [(life.started_at.timestamp(), life.first_at - START, life.last_at - START) for life in seen.processes] == [
        (first, timedelta(0), timedelta(minutes=30)),
        (first + 10_000, timedelta(minutes=70), timedelta(minutes=80)),
    ]
    assert (seen.servers, seen.last_problem) == (("vllm",), "status 500?")
    assert mark_serving(session, pilot.id, until=START + 2 * HOUR).readings == 5
    assert read_serving(session, pilot.id, {"qwen": arm}, until=None)["qwen"].hours == ()


def test_a_server_that_does_not_say_when_it_started_is_known_by_its_counters(session: Session) -> None:
    pilot = a_pilot(session)
    for minute, tokens in enumerate((100.0, 200.0, 50.0, 60.0, 60.0)):
        keep(session, pilot, START + timedelta(minutes=minute), output_tokens=tokens)
    (seen,) = read_serving(session, pilot.id, {"qwen": pilot.arm_named("qwen").id}, until=START + HOUR).values()
    assert [(life.started_at - START, life.last_at - START, life.is_said) for life in seen.processes] == [
        (timedelta(0), timedelta(minutes=1), False),
        (timedelta(minutes=2), timedelta(minutes=4), False),
    ]


def test_a_scorecard_says_how_the_server_fared_on_days_that_are_over(session: Session) -> None:
    pilot = started(session, spread(28), candidate=[{"name": "qwen", "base_url": "http://127.0.0.1:9/v1", "model": "q",
                                                      "license": "MIT", "server": "llamacpp"}])  # fmt: skip
    keep(session, pilot, START + HOUR, running=3.0, kv_cache_usage_rate=0.5, process_started_at=START.timestamp())
    keep(session, pilot, START + DAY + HOUR, running=5.0, process_started_at=(START + DAY).timestamp())
    card = card_of(session, pilot)
    serving = card.candidates["qwen"].serving
    assert (serving.readings, serving.processes_at_once, serving.restarts) == (2, 1, [START + DAY])
    assert [(day.day, day.running_mean, day.kv_cache_max) for day in serving.days] == [(1, 3.0, 0.5), (2, 5.0, None)]
    assert serving.metrics_url == "http://127.0.0.1:9/metrics"
    assert any("configured as llama.cpp, but its server says that it is vLLM" in said for said in card.warnings)
    assert any("small tests" in said for said in card.warnings)
    assert any("measured on llama.cpp" in said for said in card.candidates["qwen"].verdict.not_tested)
    early = card_of(session, pilot, as_of=START + DAY).candidates["qwen"].serving
    assert (early.readings, [day.day for day in early.days]) == (1, [1])


def test_status_says_what_the_servers_said_last_and_what_to_see_to(session: Session) -> None:
    pilot = a_pilot(session, candidate=[
        {"name": "qwen", "base_url": "http://ollama:11434/v1", "model": "q", "server": "ollama", "metrics_url": "http://x/m"},
        {"name": "phi", "base_url": "http://vllm:8000/v1", "model": "p", "server": "vllm"},
    ])  # fmt: skip
    keep(session, pilot, START, running=1.0)
    keep(session, pilot, START + HOUR, running=3.0, kv_cache_usage_rate=0.5, process_started_at=START.timestamp())
    problem = ServerReadings(problem="it answers with status 404")
    keep_readings(session, pilot.id, pilot.arm_named("phi").id, START, problem)
    found = status_of(session, pilot, START + HOUR)
    phi, qwen = found.servers
    assert (qwen.arm, qwen.at, qwen.running, qwen.waiting, qwen.process_started_at) == ("qwen", START + HOUR, 3.0, None, START)
    assert (phi.arm, phi.problem, phi.running) == ("phi", "it answers with status 404", None)
    unfit, unread, *_ = found.next_steps
    assert "qwen is served by Ollama" in unfit
    assert "the metrics page of phi (http://vllm:8000/metrics) cannot be read: it answers with status 404" in unread
    body = status_body(found, None, None)
    assert [(each.arm, each.kv_cache_usage_rate) for each in body.servers] == [("phi", None), ("qwen", 0.5)]


def test_readings_of_the_open_day_make_no_scorecard_another_one_and_those_of_a_day_that_is_over_do(session: Session) -> None:
    pilot = started(session, spread(3))
    now = START + DAY + HOUR

    def rests_on() -> str:
        return inputs_hash_of(read_inputs(session, pilot.name, as_of=None, now=now), now)

    before = rests_on()
    keep(session, pilot, START + DAY, running=1.0)
    assert rests_on() == before
    keep(session, pilot, START + DAY - timedelta(minutes=1), running=1.0)
    assert rests_on() != before
