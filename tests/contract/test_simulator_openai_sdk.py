"""The official OpenAI SDK against the simulated models: what it parses is in the form that vendors send."""

from collections.abc import Iterator

import openai
import pytest
from openai import OpenAI
from openai.types.responses import Response
from pydantic import BaseModel

from app.simulator.assistant import CANDIDATE
from app.simulator.faults import Fault, Faults
from app.simulator.models import SimulatedModel
from app.simulator.serving import Endpoint, serve

TOOL = {
    "type": "function",
    "function": {
        "name": "look_up_order",
        "parameters": {"type": "object", "properties": {"number": {"type": "integer", "minimum": 1}}, "required": ["number"]},
    },
}


class Ticket(BaseModel):
    """A structured answer."""

    subject: str
    urgent: bool
    tags: list[str]


@pytest.fixture
def client() -> Iterator[OpenAI]:
    with serve(Endpoint(SimulatedModel(CANDIDATE, "sim"))) as url, OpenAI(base_url=f"{url}/v1", api_key="none") as made:
        yield made


def test_a_whole_answer(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="sim", messages=[{"role": "user", "content": "Hello"}])
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_streamed_answer_with_usage(client: OpenAI) -> None:
    whole = client.chat.completions.create(model="sim", messages=[{"role": "user", "content": "Hello"}])
    stream = client.chat.completions.create(
        model="sim", messages=[{"role": "user", "content": "Hello"}], stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert (
        "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == whole.choices[0].message.content
    )
    assert chunks[-1].usage == whole.usage


@pytest.mark.parametrize("stream", [False, True])
def test_tool_calls(client: OpenAI, stream: bool) -> None:
    with client.chat.completions.stream(
        model="sim",
        messages=[{"role": "user", "content": "Where is 7?"}],
        tools=[TOOL],  # type: ignore[list-item]
    ) as running:
        streamed = running.get_final_completion().choices[0].message.tool_calls
    whole = client.chat.completions.create(
        model="sim",
        messages=[{"role": "user", "content": "Where is 7?"}],
        tools=[TOOL],  # type: ignore[list-item]
    )
    calls = streamed if stream else whole.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].type == "function"
    assert calls[0].function.name == "look_up_order"
    assert '"number"' in calls[0].function.arguments


def test_a_structured_answer(client: OpenAI) -> None:
    answer = client.chat.completions.parse(
        model="sim", messages=[{"role": "user", "content": "It is urgent"}], response_format=Ticket
    )
    ticket = answer.choices[0].message.parsed
    assert isinstance(ticket, Ticket)
    assert ticket.tags


FLAT_TOOL = {"type": "function", "strict": False, **TOOL["function"]}  # type: ignore[dict-item]


@pytest.mark.parametrize("stream", [False, True])
def test_responses(client: OpenAI, stream: bool) -> None:
    answer: Response = client.responses.create(model="sim", input="Hello", instructions="Be kind.")
    if stream:
        with client.responses.stream(model="sim", input="Hello", instructions="Be kind.") as running:
            said = "".join(event.delta for event in running if event.type == "response.output_text.delta")
            answer = running.get_final_response()
        assert said == answer.output_text
    assert (answer.status, answer.model, answer.id[:5]) == ("completed", "sim", "resp_")
    assert answer.output_text
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


def test_responses_with_tools_and_structures(client: OpenAI) -> None:
    with client.responses.stream(model="sim", input="Where is 7?", tools=[FLAT_TOOL]) as running:  # type: ignore[list-item]
        streamed = running.get_final_response().output[0]
    whole = client.responses.create(model="sim", input="Where is 7?", tools=[FLAT_TOOL]).output[0]  # type: ignore[list-item]
    assert whole.type == streamed.type == "function_call"
    assert (whole.name, whole.arguments) == (streamed.name, streamed.arguments)
    parsed = client.responses.parse(model="sim", input="It is urgent", text_format=Ticket).output_parsed
    assert isinstance(parsed, Ticket)


def test_text_completions(client: OpenAI) -> None:
    whole = client.completions.create(model="sim", prompt="Once upon a time")
    stream = client.completions.create(
        model="sim", prompt="Once upon a time", stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == whole.choices[0].text
    assert chunks[-1].usage == whole.usage
    with pytest.raises(openai.BadRequestError, match="prompt"):
        client.completions.create(model="sim", prompt={})


def test_models(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["sim"]


def test_errors_are_the_sdk_s_own_and_429_is_retried_after_the_time_given() -> None:
    script = [Fault.RATE_LIMITED, Fault.NONE, Fault.SERVER_ERROR]
    with serve(Endpoint(SimulatedModel(CANDIDATE, "sim"), faults=Faults(script=script))) as url:
        with OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=1) as client:
            assert client.chat.completions.create(model="sim", messages=[{"role": "user", "content": "Hello"}]).choices
        with OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client, pytest.raises(openai.InternalServerError):
            client.chat.completions.create(model="sim", messages=[{"role": "user", "content": "Hello"}])
