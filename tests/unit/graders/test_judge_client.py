"""One call to a judge, whatever its server does: what it is sent, what it may have cost."""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson
import pytest

from app.costs.prices import Prices
from app.domain.exchange import Reply
from app.graders.grade import Ungraded
from app.graders.judge import pairwise_question
from app.graders.judge_answer import JudgeAnswer
from app.graders.judge_client import JudgeCall, JudgeTarget, most_input_tokens, open_judge
from app.graders.judge_prompt import Comparison
from app.graders.question import Question
from app.pipeline.call_limiter import CallLimiter, Room
from app.pipeline.judge_asking import LATER, OVER_BUDGET, Asked, JudgeAsking, Patience
from app.pipeline.judge_purse import Budget, JudgePurse
from tests.fake_judge import Call, Said, fake_judge, verdict

USAGE = {"prompt_tokens": 1000, "completion_tokens": 100}
PRICES = Prices(Decimal(1), None, Decimal(10), "test")


def a_question(text: str = "Hello?") -> Question[JudgeAnswer]:
    request = {"messages": [{"role": "user", "content": text}]}
    return pairwise_question(Comparison(request, Reply("short"), Reply("a longer reply")))


def called(answer: Callable[[Call], Said], times: int = 1, **more: Any) -> tuple[list[JudgeCall[JudgeAnswer]], list[Call]]:
    with fake_judge(answer) as judge:

        async def ask() -> list[JudgeCall[JudgeAnswer]]:
            target = JudgeTarget(judge.url, "judge-1", timeout_seconds=5, **{"max_output_tokens": 300, **more})
            async with open_judge(target) as client:
                return [await client.ask(a_question()) for _ in range(times)]

        return asyncio.run(ask()), judge.calls


def asked(
    answer: Callable[[Call], Said], *, usd: str = "1", room: Room | None = None, turn: float = 60.0
) -> Asked[JudgeAnswer]:
    with fake_judge(answer) as judge:

        async def ask() -> Asked[JudgeAnswer]:
            purse = JudgePurse(Budget(Decimal(usd), Decimal(0)))

            def store() -> None:
                purse.booked(purse.booking(0, Decimal(0)))

            def wake() -> None:
                asyncio.get_running_loop().call_soon(store)

            purse.wake = wake
            mine = room or Room()
            ends_at = asyncio.get_running_loop().time() + turn
            async with open_judge(JudgeTarget(judge.url, "judge-1", timeout_seconds=5, max_output_tokens=300)) as client:
                asking = JudgeAsking(
                    client, PRICES, purse, Patience(3, 0.001), mine, CallLimiter(5, mine), "judge-1", ends_at, 300
                )
                return await asking.ask(a_question())

        return asyncio.run(ask())


@pytest.mark.parametrize("text", ["Hello?", "def f(x):\n\treturn {'a': [1,2,3]}", "你好世界", "0123456789" * 20, "\u0001💥"])
def test_no_tokenizer_makes_more_tokens_than_are_reckoned_with(text: str) -> None:
    question = a_question(text)
    messages = question.build()
    sent = sum(len(message["content"].encode()) for message in messages) + len(orjson.dumps(question.schema_format))
    assert most_input_tokens(question, messages) > sent


def test_the_bound_of_an_answer_is_sent() -> None:
    _, (call,) = called(lambda _: verdict("tie"))
    assert call.body["max_tokens"] == 300
    _, (unbounded,) = called(lambda _: verdict("tie"), max_output_tokens=None)
    assert "max_tokens" not in unbounded.body


@pytest.mark.parametrize(
    ("refused", "sent"),
    [
        ({"max_tokens"}, [["max_tokens"], ["max_completion_tokens"], ["max_completion_tokens"]]),
        ({"max_tokens", "max_completion_tokens"}, [["max_tokens"], ["max_completion_tokens"], [], []]),
    ],
)
def test_a_server_that_refuses_its_name_is_asked_otherwise_from_then_on(refused: set[str], sent: list[list[str]]) -> None:
    def answer(call: Call) -> Said:
        named = refused & set(call.body)
        return Said(f"Unsupported parameter: '{named.pop()}' is not supported", 400) if named else verdict("tie")

    answers, calls = called(answer, times=2)
    assert [sorted(name for name in call.body if name.startswith("max")) for call in calls] == sent
    assert all(isinstance(each.outcome, JudgeAnswer) for each in answers)
    assert {call.body["response_format"]["type"] for call in calls} == {"json_schema"}


def test_a_bound_beyond_the_models_context_is_left_out_of_that_call() -> None:
    def answer(call: Call) -> Said:
        too_large = "'max_tokens' is too large: 300. This model's maximum context length is 1024 tokens"
        return Said(too_large, 400) if "max_tokens" in call.body and call.number == 0 else verdict("tie")

    answers, calls = called(answer, times=2)
    assert ["max_tokens" in call.body for call in calls] == [True, False, True]
    assert all(isinstance(each.outcome, JudgeAnswer) for each in answers)


@pytest.mark.parametrize(
    ("said", "reason", "is_billed", "tokens"),
    [
        (Said("hm", usage=USAGE), "unparsed", True, 1000),
        (Said('{"reasoning": "', usage=USAGE, finish_reason="length"), "cut_off", True, 1000),
        (Said("boom", 500), "http_500", False, None),
        (Said("boom", 500, usage=USAGE), "http_500", True, 1000),
        (Said("gateway", 504), "http_504", True, None),
        (Said("gateway", 502), "http_502", True, None),
        (Said("slow down", 429), "http_429", False, None),
        (Said("no", 401), "http_401", False, None),
        (Said(None, is_cut_off=True), "connection", True, None),
    ],
)
def test_what_may_have_been_paid(said: Said, reason: str, is_billed: bool, tokens: int | None) -> None:
    (call,), _ = called(lambda _: said)
    assert isinstance(call.outcome, Ungraded)
    assert (call.outcome.reason, call.is_billed, call.usage.input_tokens) == (reason, is_billed, tokens)


def test_every_call_for_an_answer_is_paid_and_told_apart() -> None:
    said = [Said("hm", usage=USAGE), Said(None, is_cut_off=True), verdict("tie", usage=USAGE)]
    found = asked(lambda call: said[call.number])
    assert isinstance(found.outcome, JudgeAnswer)
    assert (found.calls, found.uncounted_calls) == (3, 1)
    assert found.usd - found.uncounted_usd == 2 * Decimal("0.002")
    assert found.uncounted_usd > Decimal("0.003")  # 300 tokens at 10 dollars a million, and the question


def test_refusals_are_calls_that_cost_nothing() -> None:
    said = [Said("slow down", 429), Said("boom", 500), verdict("tie", usage=USAGE)]
    found = asked(lambda call: said[call.number])
    assert (found.calls, found.usd, found.uncounted_calls) == (3, Decimal("0.002"), 0)


def test_without_the_money_for_the_dearest_answer_nothing_is_asked() -> None:
    found = asked(lambda _: verdict("tie", usage=USAGE), usd="0.003")
    assert (found.outcome, found.calls) == (Ungraded(OVER_BUDGET), 0)


@pytest.mark.parametrize("wait", ["3600", "Fri, 01 Jan 2999 00:00:00 GMT"])
def test_a_server_that_wants_to_be_left_alone_for_long_is_asked_in_another_turn(wait: str) -> None:
    room = Room()
    found = asked(lambda _: Said("slow down", 429, headers={"Retry-After": wait}), room=room, turn=60.0)
    assert isinstance(found.outcome, Ungraded)
    assert (found.outcome.reason, found.calls, found.is_unasked) == (LATER, 1, True)
    assert "left alone for 3600 s" in found.outcome.message
    assert room.limit == 3.5


@pytest.mark.parametrize(
    ("status", "is_worth_it"),
    [(401, False), (404, False), (408, True), (409, True), (425, True), (429, True), (499, False), (500, True)],
)
def test_who_may_say_otherwise_next_time_is_worth_a_retry(status: int, is_worth_it: bool) -> None:
    (call,), _ = called(lambda _: Said("no", status))
    assert call.is_worth_a_retry is is_worth_it


def test_a_server_that_knows_no_schemas_is_asked_for_an_object_from_then_on() -> None:
    def answer(call: Call) -> Said:
        return Said("unknown format", 400) if call.body["response_format"]["type"] == "json_schema" else verdict("tie")

    answers, calls = called(answer, times=2)
    assert [call.body["response_format"]["type"] for call in calls] == ["json_schema", "json_object", "json_object"]
    assert all(isinstance(each.outcome, JudgeAnswer) for each in answers)


def test_a_server_that_once_took_a_schema_refuses_something_else() -> None:
    answers, calls = called(lambda call: Said("no", 400) if call.number else verdict("tie"), times=2)
    assert [call.body["response_format"]["type"] for call in calls] == ["json_schema"] * 2
    assert [isinstance(each.outcome, Ungraded) for each in answers] == [False, True]


@pytest.mark.parametrize("temperature", [None, 0.0, 0.7])
def test_a_temperature_is_sent_where_one_is_set(temperature: float | None) -> None:
    _, (call,) = called(lambda _: verdict("tie"), temperature=temperature)
    assert ("temperature" in call.body, call.body.get("temperature")) == (temperature is not None, temperature)


@pytest.mark.parametrize(
    ("finish_reason", "reason"), [("content_filter", "refused"), ("stop", "unparsed"), ("length", "cut_off")]
)
def test_why_nothing_is_said_is_told_apart(finish_reason: str, reason: str) -> None:
    (call,), _ = called(lambda _: Said(None, finish_reason=finish_reason))
    assert isinstance(call.outcome, Ungraded)
    assert call.outcome.reason == reason


@pytest.mark.parametrize(("less", "reason"), [(0, None), (1, "too_large")])
def test_no_more_is_read_than_is_allowed(less: int, reason: str | None) -> None:
    said = verdict("tie")
    message = {"role": "assistant", "content": said.content}
    size = len(json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "model": "judge-1"}))
    (call,), _ = called(lambda _: said, reply_bytes=size - less)
    assert (call.outcome.reason if isinstance(call.outcome, Ungraded) else None) == reason
