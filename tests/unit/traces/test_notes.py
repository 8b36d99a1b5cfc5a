"""What the mirror remembers of requests until their replies come is bounded, and nothing where traces are off."""

from collections.abc import Iterator

import orjson
import pytest

from app.domain.live import Hints, RequestEvent
from app.pipeline.call_spans import request_attributes, server_attributes, word
from app.pipeline.mirroring.deciding import Decision, unreadable
from app.pipeline.mirroring.spans import MOST_NOTED, RequestNotes
from app.traces import tracing

SENTENCE = "zibbernaught quorvexing"


@pytest.fixture
def on() -> Iterator[None]:
    tracing.start("mirror", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_SCHEDULE_DELAY": "60000"})
    yield
    tracing.stop(0.0)


def note(notes: RequestNotes, number: int) -> None:
    request = {"model": "gpt-5.1", "messages": [{"role": "user", "content": SENTENCE}]}
    event = RequestEvent("p", "b00t", number, 1_800_000_000_000_000, "/chat/completions", Hints(), orjson.dumps(request))
    notes.note(event, Decision(unreadable(event, "full"), "full", request=request))


@pytest.mark.usefixtures("on")
def test_notes_are_taken_once_bounded_and_without_texts() -> None:
    notes = RequestNotes()
    for number in range(1, MOST_NOTED + 101):
        note(notes, number)
    assert notes.take("p", "b00t-100") == {}, "the oldest are forgotten first"
    found = notes.take("p", "b00t-101")
    assert found["gen_ai.request.model"] == "gpt-5.1"
    assert SENTENCE not in str(found)
    assert notes.take("p", "b00t-101") == {}


def test_nothing_is_noted_where_traces_are_off() -> None:
    notes = RequestNotes()
    note(notes, 1)
    assert notes.take("p", "b00t-1") == {}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"model": "gpt-5.1", "n": 2, "top_p": 1}, {"model": "gpt-5.1", "choice.count": 2, "top_p": 1}),
        ({"model": SENTENCE, "temperature": SENTENCE, "seed": True, "max_tokens": 2**70}, {}),
        ({"model": ["gpt"], "stream": "yes", "stop": [SENTENCE], "user": SENTENCE}, {}),
        ({"max_output_tokens": 9, "stream": True}, {"max_tokens": 9, "stream": True}),
    ],
)
def test_of_a_request_only_numbers_and_names_are_told(request_: dict[str, object], expected: dict[str, object]) -> None:
    assert request_attributes(request_) == {f"gen_ai.request.{name}": value for name, value in expected.items()}


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("https://api.openai.com/v1", "openai"), ("https://x.openai.azure.com/openai/v1", "azure.ai.openai"),
        ("http://10.0.0.7:8000/v1", "vllm"), ("https://notopenai.com/v1", "vllm"), ("http://[bad/v1", "vllm"),
        ("https://user:pass@api.mistral.ai/v1", "mistral_ai"),
    ],
)  # fmt: skip
def test_a_provider_is_told_by_its_address_and_no_credentials_with_it(url: str, provider: str) -> None:
    found = server_attributes(url, "vllm")
    assert found["gen_ai.provider.name"] == provider
    assert "pass" not in str(found)


@pytest.mark.parametrize("value", ["Anna Smith", "eve@example.com", "+49 30 23125", "x" * 200, "", "a\nb", None, 7])
def test_what_looks_like_no_name_is_none(value: object) -> None:
    assert word(value) is None
