"""Spans of real exchanges at a real collector: what they say, how they hang together, and what is never in them."""

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from aiohttp import web

from app.domain.live import Hints
from app.store.session import SessionFactory, session_scope
from app.traces import tracing
from app.traces.spans import trace_name
from tests.collector import PATH, Collector, Received, collector
from tests.fake_judge import Call, Said, fake_judge, longer_wins
from tests.integration.mirroring import MakeStage, a_candidate, a_reply, a_request, a_running_pilot, make_stage
from tests.integration.replay_runs import replay
from tests.integration.replaying import a_candidate as a_replayed_candidate
from tests.integration.replaying import a_replayable_pilot
from tests.integration.test_grading import decisive, graded, judged_by, seeded
from tests.model_servers import DONE, completion, event, event_stream, model_server

__all__ = ["make_stage"]

SENTENCE = "zibbernaught quorvexing"
SECRET = "sk-planted-" + "4f3e2d1c" * 4
USER = "eve.planted@example.com"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CLIENT = 3
PLANTED: dict[str, Any] = {
    "temperature": 0.2,
    "max_completion_tokens": 64,
    "seed": 7,
    "stream": True,
    "stop": [SENTENCE],
    "user": USER,
    "metadata": {"who": USER},
    "tools": [{"type": "function", "function": {"name": "note", "description": SENTENCE, "parameters": {}}}],
}


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector to which this process tells its spans; `spans` has them once tracing is stopped."""
    with collector() as made:
        environment = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": made.url + PATH}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        tracing.start("mirror", environment)
        yield made
        tracing.stop(0.1)


def told(there: Collector) -> list[Received]:
    tracing.stop(5.0)
    return there.spans


def only(spans: list[Received], **names: Any) -> Received:
    wanted = {f"parallel_pilot.{name}": value for name, value in names.items()}
    (found,) = [span for span in spans if wanted.items() <= span.attributes.items()]
    return found


def has_text(there: Collector, *texts: str) -> list[str]:
    return [text for text in texts for body in there.bodies if text.encode() in body]


async def streams(request: web.Request) -> web.StreamResponse:
    """Repeats what it is asked, under a name and an id that are none."""
    said = (await request.json())["messages"][-1]["content"]
    more: dict[str, Any] = {"model": "open-model", "id": "chatcmpl-9"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}
    pieces = (event({"content": said}, **more), event({}, finish_reason="stop", **more), event(**more, usage=usage), DONE)
    return await event_stream(request, *pieces)


async def refuses(request: web.Request) -> web.StreamResponse:
    told = f"Incorrect API key {SECRET}. You said {await request.text()}"
    return web.json_response({"error": {"message": told}}, status=429)


async def seen_live(make_stage: MakeStage, *, is_sealed: bool) -> str:
    """One exchange with planted texts, as a gateway tells of it; gives its conversation as it is stored."""
    stage = make_stage()
    body = b"".join([event({"content": SENTENCE}, id="chatcmpl-1"), event({}, finish_reason="stop"), DONE])
    async with stage.mirror():
        request = a_request(1, f"{SENTENCE} {USER}", hints=Hints(conversation=f"of {USER}"), **PLANTED)
        stage.put(request, is_sealed=is_sealed)
        await stage.until_done()
        reply = a_reply(
            1, at_us=request.at_us, content_type="text/event-stream; charset=utf-8", body=body,
            chunks=((0.25, 10), (0.5, len(body) - 10)), traceparent=TRACEPARENT, request=request.body if is_sealed else None,
        )  # fmt: skip
        stage.put(reply, is_sealed=is_sealed)
        await stage.until_done()
    return stage.exchanges()[1].conversation


@pytest.mark.parametrize("level", ["full", "masked", "metadata"])
def test_an_exchange_is_a_trace_of_production_s_call_and_each_arm_s(
    make_stage: MakeStage, session_factory: SessionFactory, there: Collector, level: str
) -> None:
    with model_server(streams) as one, model_server(refuses) as two:
        a_running_pilot(session_factory, a_candidate(one), a_candidate(two, "phi"), content={"level": level})
        conversation = asyncio.run(seen_live(make_stage, is_sealed=level != "full"))
    spans = told(there)
    assert len(spans) == 3
    production, qwen, phi = (only(spans, arm=arm) for arm in ("incumbent", "qwen", "phi"))
    assert {(span.trace_id, span.kind) for span in spans} == {(trace_name("support-bot", "b00t-1"), CLIENT)}
    assert (production.parent_id, qwen.parent_id, phi.parent_id) == ("", production.span_id, production.span_id)
    assert production.links == ((TRACEPARENT[3:35], TRACEPARENT[36:52]),)
    assert [span.name for span in (production, qwen, phi)] == ["chat gpt-5.1", "chat qwen-model", "chat phi-model"]
    assert production.end_ns - production.start_ns == 500_000_000
    asked = {
        "gen_ai.request.temperature": 0.2, "gen_ai.request.max_tokens": 64, "gen_ai.request.seed": 7,
        "gen_ai.request.stream": True, "gen_ai.conversation.id": conversation, "gen_ai.operation.name": "chat",
        "parallel_pilot.pilot": "support-bot", "parallel_pilot.exchange": "b00t-1", "parallel_pilot.content_level": level,
    }  # fmt: skip
    assert all(asked.items() <= span.attributes.items() for span in spans)
    relayed = {"gen_ai.response.id": "chatcmpl-1", "gen_ai.provider.name": "openai", "parallel_pilot.source": "production"}
    assert relayed.items() <= production.attributes.items()
    assert 0.2 < production.attributes["gen_ai.response.time_to_first_chunk"] <= 0.5
    answered = {
        "gen_ai.response.model": "open-model", "gen_ai.response.finish_reasons": ["stop"], "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5, "gen_ai.usage.cache_read.input_tokens": 4, "parallel_pilot.outcome": "answered",
    }  # fmt: skip
    assert answered.items() <= qwen.attributes.items()
    assert (phi.attributes["error.type"], phi.status, qwen.status) == ("429", 2, 0)
    # At full a client's name for a conversation is stored as it is, and stands in the trace as it is stored.
    assert has_text(there, SENTENCE.split(maxsplit=1)[0], SENTENCE, SECRET, *(() if level == "full" else (USER,))) == []
    assert there.bodies, "else nothing was searched"


def test_what_looks_like_no_name_is_not_told(make_stage: MakeStage, session_factory: SessionFactory, there: Collector) -> None:
    async def odd(request: web.Request) -> web.StreamResponse:
        return web.json_response({**completion("x"), "id": f"id {SENTENCE}", "model": SENTENCE, "system_fingerprint": SENTENCE})

    with model_server(odd) as url:
        a_running_pilot(session_factory, a_candidate(url))
        stage = make_stage()

        async def story() -> None:
            async with stage.mirror():
                stage.put(a_request(1, model=SENTENCE, seed=SENTENCE, temperature=SENTENCE, response_format=SENTENCE))
                stage.put(a_reply(1, body=orjson.dumps({**completion("x"), "id": SENTENCE, "model": SENTENCE})))
                await stage.until_done()

        asyncio.run(story())
    spans = told(there)
    assert {span.name for span in spans} == {"chat", "chat qwen-model"}
    assert has_text(there, SENTENCE, SENTENCE.split(maxsplit=1)[0]) == []


def test_each_call_of_the_judge_is_a_span_and_its_grade_an_event(session_factory: SessionFactory, there: Collector) -> None:
    answers = iter(["no JSON, but " + SENTENCE])

    def judges(call: Call) -> Said:
        unparsed = next(answers, None)
        return Said(unparsed) if unparsed is not None else longer_wins(call)

    with fake_judge(judges) as judge:
        pilot, _ = seeded(session_factory, decisive(), judge=judged_by(judge))
        graded(session_factory, pilot)
        assert len(judge.calls) == 3
    spans = told(there)
    assert len({span.span_id for span in spans}) == 3
    assert {(span.name, span.trace_id) for span in spans} == {("chat judge-1", trace_name("support-bot", "e-0"))}
    assert {span.attributes["parallel_pilot.arm"] for span in spans} == {"qwen"}
    failed = [span for span in spans if span.status == 2]
    assert [(span.attributes["error.type"], span.events) for span in failed] == [("unparsed", {})]
    results = [span.events["gen_ai.evaluation.result"] for span in spans if span.events]
    better = {
        "gen_ai.evaluation.name": "judge", "gen_ai.evaluation.score.value": 1.0, "gen_ai.evaluation.score.label": "better",
    }  # fmt: skip
    assert results == [better, better]
    assert has_text(there, SENTENCE, "because", "short 0", "longer reply") == []


def test_a_replay_s_calls_stand_in_the_traces_of_their_exchanges(session_factory: SessionFactory, there: Collector) -> None:
    async def answers(_: web.Request) -> web.StreamResponse:
        return web.json_response(completion(SENTENCE))

    with model_server(answers) as url:
        with session_scope(session_factory) as session:
            a_replayable_pilot(session, a_replayed_candidate(url), exchanges=2)
        replay(session_factory)
    spans = told(there)
    assert [span.attributes["parallel_pilot.source"] for span in spans] == ["replay", "replay"]
    names = {span.attributes["parallel_pilot.exchange"] for span in spans}
    assert len(names) == 2
    assert {span.trace_id for span in spans} == {trace_name("support-bot", name) for name in names}
    assert has_text(there, SENTENCE, "question") == []


def test_no_arm_is_sent_a_traceparent(make_stage: MakeStage, session_factory: SessionFactory, there: Collector) -> None:
    seen: list[set[str]] = []

    async def looks(request: web.Request) -> web.StreamResponse:
        seen.append({name.lower() for name in request.headers})
        return web.json_response(completion())

    with model_server(looks) as url:
        a_running_pilot(session_factory, a_candidate(url))
        stage = make_stage()

        async def story() -> None:
            async with stage.mirror():
                stage.put(a_request(1))
                await stage.until_done()

        asyncio.run(story())
    assert told(there)
    assert seen
    assert not {"traceparent", "tracestate", "baggage"} & set().union(*seen)
