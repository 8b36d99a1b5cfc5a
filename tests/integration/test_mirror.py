"""The mirror from its stream to the recorder's: decisions, arms, replies."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from app.domain.live import Hints
from app.domain.rehearsal import RehearsalTerms
from app.store.pilots import mark_started
from app.store.rehearsals import claim_rehearsal, insert_rehearsal
from app.store.session import SessionFactory, session_scope
from tests.builders import a_pilot
from tests.integration.mirroring import (
    Asked,
    MakeStage,
    a_candidate,
    a_reply,
    a_request,
    a_running_pilot,
    make_stage,
    now_us,
)
from tests.model_servers import model_server

__all__ = ["make_stage"]


def test_a_request_becomes_an_exchange_and_each_arm_s_reply(make_stage: MakeStage, session_factory: SessionFactory) -> None:
    qwen, phi = Asked("From qwen."), Asked("From phi.")
    with model_server(qwen) as one, model_server(phi) as two:
        priced: dict[str, Any] = {"input_usd_per_million_tokens": 1, "output_usd_per_million_tokens": 2}
        a_running_pilot(session_factory, a_candidate(one), a_candidate(two, "phi", **priced))
        stage = make_stage()

        async def story() -> None:
            async with stage.mirror():
                stage.put(a_request(1, "hello", hints=Hints(conversation="c-1")), a_reply(1, "From production."))
                await stage.until_done()

        asyncio.run(story())
    exchange = stage.exchanges()[1]
    assert (exchange.reason, exchange.conversation, exchange.segment) == ("captured", "c-1", "other")
    assert (exchange.external_id, exchange.awaits) == ("b00t-1", ("incumbent", "qwen", "phi"))
    assert exchange.deadline_seconds == 65.0
    assert b"hello" in (exchange.request or b"")
    bodies = {arm: stage.replies(arm)[1].body for arm in ("incumbent", "qwen", "phi")}
    assert {arm: body is not None and b"From" in body for arm, body in bodies.items()} == dict.fromkeys(bodies, True)
    candidate = stage.replies()[1].columns
    assert (candidate["failure"], candidate["output_tokens"], candidate["model"]) == (None, 5, "served")
    paid = stage.replies("phi")[1].columns
    assert (paid["usage"], paid["cost_usd"]) == ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, "0.00002")
    assert (paid["price_version"], candidate["price_version"], candidate["cost_usd"]) == ("pilot.toml (1/-/2)", None, None)
    assert 0 <= candidate["queue_lag_seconds"] < 10
    assert candidate["adaptation"][0]["parameter"] == "model"
    assert [request["model"] for request in (*qwen.requests, *phi.requests)] == ["qwen-model", "phi-model"]
    assert "Authorization" not in qwen.headers[0]


def test_the_candidate_s_own_key_is_sent_and_one_that_is_missing_is_not_asked(
    make_stage: MakeStage, session_factory: SessionFactory, caplog: pytest.LogCaptureFixture
) -> None:
    asked = Asked()
    with model_server(asked) as url:
        a_running_pilot(
            session_factory, a_candidate(url, api_key_env="QWEN_KEY"), a_candidate(url, "phi", api_key_env="PHI_KEY")
        )
        stage = make_stage(environment={"QWEN_KEY": "secret-of-qwen"})

        async def story() -> None:
            async with stage.mirror():
                stage.put(a_request(1))
                await stage.until_done()

        asyncio.run(story())
    assert stage.replies("phi")[1].skipped == "not_asked"
    assert stage.replies("qwen")[1].skipped is None
    assert [headers["Authorization"] for headers in asked.headers] == ["Bearer secret-of-qwen"]
    assert "PHI_KEY" in caplog.text
    assert "secret-of-qwen" not in caplog.text


def test_a_candidate_that_is_rehearsed_is_left_alone_as_long_as_its_worker_lives(
    make_stage: MakeStage, session_factory: SessionFactory
) -> None:
    """A rehearsal offers more than can be carried: what production asked meanwhile would count against the candidate."""
    rehearsed, left, other = Asked(), Asked(), Asked()
    with model_server(rehearsed) as one, model_server(left) as two, model_server(other) as three:
        pilot = a_running_pilot(session_factory, a_candidate(one), a_candidate(two, "phi"), a_candidate(three, "glm"))
        with session_scope(session_factory) as session:
            for name, seconds in (("qwen", 60.0), ("phi", -1.0)):
                number = insert_rehearsal(session, pilot, arm=pilot.arm_named(name), terms=RehearsalTerms(), by="ada")
                claim_rehearsal(session, number, worker="w", lease_seconds=seconds)
        stage = make_stage()

        async def story() -> None:
            async with stage.mirror():
                stage.put(a_request(1))
                await stage.until_done()

        asyncio.run(story())
    assert {arm: stage.replies(arm)[1].skipped for arm in ("qwen", "phi", "glm")} == {
        "qwen": "not_asked", "phi": None, "glm": None,
    }  # fmt: skip
    assert [len(asked.requests) for asked in (rehearsed, left, other)] == [0, 1, 1]


def test_what_the_mirror_asks_says_that_it_is_not_to_be_mirrored(
    make_stage: MakeStage, session_factory: SessionFactory
) -> None:
    asked = Asked()
    with model_server(asked) as url:
        a_running_pilot(session_factory, a_candidate(url))
        stage = make_stage()

        async def story() -> None:
            async with stage.mirror():
                stage.put(a_request(1))
                await stage.until_done()

        asyncio.run(story())
    assert [headers["X-Pilot-Mirror"] for headers in asked.headers] == ["off"]


def test_requests_that_do_not_take_part_are_told_without_text_and_nobody_is_asked(
    make_stage: MakeStage, session_factory: SessionFactory
) -> None:
    asked = Asked()
    with model_server(asked) as url:
        a_running_pilot(session_factory, a_candidate(url), sampling={"rate": 0.000001})
        stage = make_stage()

        async def story() -> None:
            async with stage.mirror():
                week = 7 * 86_400_000_000
                stage.put(
                    a_request(1),
                    a_request(2, at_us=now_us() - week),
                    a_request(3, body=b"{"),
                    a_request(4, body=b'{"input": "x"}'),
                )
                await stage.until_done()

        asyncio.run(story())
    found = stage.exchanges()
    reasons = {number: exchange.reason for number, exchange in found.items()}
    assert reasons == {1: "not_sampled", 2: "outside_window", 3: "unreadable_body", 4: "unreadable_body"}
    assert all(exchange.request is None and exchange.awaits == () for exchange in found.values())
    assert (asked.requests, stage.replies()) == ([], {})


def test_a_failed_attempt_and_its_repetition_are_one_exchange_but_two_that_worked_are_two(
    make_stage: MakeStage, session_factory: SessionFactory
) -> Any:
    asked = Asked()
    with model_server(asked) as url:
        a_running_pilot(session_factory, a_candidate(url))
        stage = make_stage()
        start = now_us()

        def at(seconds: float) -> int:
            return start + int(seconds * 1_000_000)

        async def story() -> None:
            async with stage.mirror():
                stage.put(
                    a_request(1, "fails", at_us=at(0)), a_reply(1, status=503, body=b"{}", at_us=at(0), total_seconds=0.1),
                    a_request(2, "fails", at_us=at(1)), a_reply(2, at_us=at(1)),
                    a_request(3, "works", at_us=at(0)), a_reply(3, at_us=at(0)),
                    a_request(4, "works", at_us=at(1)), a_reply(4, at_us=at(1)),
                    a_request(5, "works", at_us=at(2), hints=Hints(retry_count=1)),
                )  # fmt: skip
                await stage.until_done()

        asyncio.run(story())
    retries = {number: exchange.retry_of for number, exchange in stage.exchanges().items()}
    assert retries == {1: None, 2: "b00t-1", 3: None, 4: None, 5: "b00t-4"}
    assert stage.exchanges()[2].awaits == ("incumbent",)
    assert sorted(stage.replies()) == [1, 3, 4]
    assert len(asked.requests) == 3


def test_a_conversation_keeps_the_segment_of_its_first_exchange(make_stage: MakeStage, session_factory: SessionFactory) -> None:
    with model_server(Asked()) as url:
        segments = [{"name": "extraction", "match": {"header": "extract"}}, {"name": "chat", "match": {"path": "chat"}}]
        a_running_pilot(session_factory, a_candidate(url), segment=segments)
        stage = make_stage()

        async def story() -> None:
            async with stage.mirror():
                for number, said in enumerate(("extract", None, "chat"), 1):
                    stage.put(a_request(number, hints=Hints(conversation="c-1", segment=said)))
                    await stage.until_done()
                stage.put(a_request(4, hints=Hints(conversation="c-2")))
                await stage.until_done()

        asyncio.run(story())
    segments_of = {number: exchange.segment for number, exchange in stage.exchanges().items()}
    assert segments_of == {1: "extraction", 2: "extraction", 3: "extraction", 4: "chat"}


def test_the_control_arm_is_asked_for_its_share_with_the_incumbent_s_own_key(
    make_stage: MakeStage, session_factory: SessionFactory
) -> None:
    asked = Asked()
    with model_server(asked) as url:
        incumbent = {"base_url": url, "model": "gpt-5.1", "api_key_env": "INCUMBENT_KEY"}
        a_running_pilot(session_factory, a_candidate(url), incumbent=incumbent, control={"rate": 0.5})
        stage = make_stage(environment={"INCUMBENT_KEY": "secret-of-the-incumbent"})

        async def story() -> None:
            async with stage.mirror():
                for number in range(1, 41):
                    stage.put(a_request(number, hints=Hints(conversation=f"c-{(number - 1) // 2}")))
                await stage.until_done()

        asyncio.run(story())
    with_control = {number for number, exchange in stage.exchanges().items() if "control" in exchange.awaits}
    assert with_control == set(stage.replies("control"))
    assert 4 <= len(with_control) <= 36
    assert all((number + 1 in with_control) == (number in with_control) for number in range(1, 41, 2))
    keys = [headers.get("Authorization") for headers, sent in zip(asked.headers, asked.requests, strict=True)
            if sent["model"] == "gpt-5.1"]  # fmt: skip
    assert keys == ["Bearer secret-of-the-incumbent"] * len(with_control)


def test_a_chain_of_responses_is_one_conversation(make_stage: MakeStage, session_factory: SessionFactory) -> Any:
    with model_server(Asked()) as url:
        a_running_pilot(session_factory, a_candidate(url))
        stage = make_stage()

        def response(name: str) -> bytes:
            message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]}
            text = {"id": name, "object": "response", "status": "completed", "model": "gpt-5.1", "output": [message]}
            return orjson.dumps(text)

        def asked(**more: Any) -> bytes:
            return orjson.dumps({"model": "gpt-5.1", "input": "hello"} | more)

        async def story() -> None:
            async with stage.mirror():
                path = "/responses"
                stage.put(a_request(1, path=path, body=asked()), a_reply(1, path=path, body=response("resp_1")))
                stage.put(
                    a_request(2, path=path, body=asked(previous_response_id="resp_1", input="and?")),
                    a_reply(2, path=path, body=response("resp_2")),
                    a_request(3, path=path, body=asked(previous_response_id="resp_2", input="go on")),
                    a_request(4, path=path, body=asked(conversation={"id": "conv_9"})),
                )
                await stage.until_done()

        asyncio.run(story())
    found = stage.exchanges()
    assert len({found[number].conversation for number in (1, 2, 3)}) == 1
    assert found[4].conversation == "conv_9"
    assert {number: reply.skipped for number, reply in stage.replies().items() if number > 1} == dict.fromkeys(
        (2, 3, 4), "not_asked"
    )


def test_a_pilot_that_starts_just_now_is_looked_up_again_and_a_draft_counts_nothing(
    make_stage: MakeStage, session_factory: SessionFactory
) -> None:
    asked = Asked()
    with model_server(asked) as url:
        with session_scope(session_factory) as session:
            pilot = a_pilot(session, pilot={"name": "support-bot", "starts": "2026-01-01"}, candidate=[a_candidate(url)])
        stage = make_stage()

        async def story() -> None:
            async with stage.mirror() as mirror:
                await stage.until(mirror.is_consuming.is_set)
                stage.put(a_request(1, "1"))
                await stage.until_done()
                with session_scope(session_factory) as session:
                    now = datetime.now(UTC)
                    mark_started(session, pilot, starts_at=now - timedelta(days=1), at=now)
                stage.put(a_request(2, "2"))
                await stage.until_done()

        asyncio.run(story())
    assert {number: exchange.reason for number, exchange in stage.exchanges().items()} == {1: "outside_window", 2: "captured"}
    assert len(asked.requests) == 1
