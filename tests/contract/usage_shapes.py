"""What servers say of the tokens of one reply: their documents as they come, and what we count.

Where `genai-prices` or LiteLLM's price map comes to another cost, the row says why; a reason without a difference is an error.
"""

from dataclasses import dataclass
from typing import Any

from app.domain.exchange import Json, Usage
from app.domain.requests import CHAT, RESPONSES

GPT = "gpt-5.1"
NO_EXTRACTOR = "its extractor does not know the shape"
OFF_PEAK = "the map has one price; the vendor's is half as high outside of its peak hours"
# Models are priced by the map under these names.
LITELLM = {
    "gemini-2.5-flash": "gemini/gemini-2.5-flash",
    "grok-4.3": "xai/grok-4.3",
    "deepseek-v4-flash": "deepseek/deepseek-v4-flash",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """One server's way.

    Attributes:
        name: Whose it is.
        documents: A whole reply, or the chunks of a stream.
        counts: What we make of it, the raw object apart.
        model: By whose prices it is compared; servers without a list price borrow one.
        vendor: Whose extractor of `genai-prices` reads it, and in which flavour.
        differs: Why `genai-prices` comes to another cost.
        differs_at_litellm: Why LiteLLM's map does.
    """

    name: str
    documents: tuple[Json, ...]
    counts: Usage
    model: str = GPT
    vendor: tuple[str, str] = ("openai", "chat")
    path: str = CHAT
    differs: str = ""
    differs_at_litellm: str = ""

    @property
    def is_stream(self) -> bool:
        """Whether it comes in chunks."""
        return "message" not in str(self.documents[0].get("choices")) and "output" not in self.documents[0]


def _whole(usage: Json | None, **more: Any) -> tuple[Json, ...]:
    choices = [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]
    return ({"id": "c-1", "object": "chat.completion", "model": "m", "choices": choices, "usage": usage} | more,)


def _chunks(*last: Json) -> tuple[Json, ...]:
    frame = {"id": "c-1", "object": "chat.completion.chunk", "model": "m"}
    told: list[Json] = [{"index": 0, "delta": {"content": "Hi"}}, {"index": 0, "delta": {}, "finish_reason": "stop"}]
    return (
        *(frame | {"choices": [choice], "usage": None} for choice in told),
        *(frame | {"choices": []} | each for each in last),
    )


def _response(usage: Json, **more: Any) -> tuple[Json, ...]:
    text = [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}]
    return ({"id": "r-1", "object": "response", "model": "m", "status": "completed", "output": text, "usage": usage} | more,)


CACHED = {
    "prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306,
    "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 192, "audio_tokens": 0, "accepted_prediction_tokens": 0,
                                  "rejected_prediction_tokens": 0},
}  # fmt: skip
CACHED_COUNTS = Usage(2006, 1920, 300, 192, audio_input_tokens=0, audio_output_tokens=0)
PLAIN: Json = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}

SHAPES = [
    Shape("OpenAI chat, cached and reasoning", _whole(CACHED), CACHED_COUNTS),
    Shape(
        "OpenAI chat, flex", _whole(CACHED, service_tier="flex"),
        Usage(2006, 1920, 300, 192, audio_input_tokens=0, audio_output_tokens=0, service_tier="flex"),
    ),
    Shape(
        "OpenAI chat, priority", _whole(CACHED, service_tier="priority"),
        Usage(2006, 1920, 300, 192, audio_input_tokens=0, audio_output_tokens=0, service_tier="priority"),
    ),
    Shape(
        "OpenAI chat, audio",
        _whole({"prompt_tokens": 600, "completion_tokens": 400, "total_tokens": 1000,
                "prompt_tokens_details": {"cached_tokens": 0, "text_tokens": 100, "audio_tokens": 500},
                "completion_tokens_details": {"reasoning_tokens": 0, "text_tokens": 80, "audio_tokens": 320}}),
        Usage(600, 0, 400, 0, audio_input_tokens=500, audio_output_tokens=320), model="gpt-audio",
    ),
    Shape("OpenAI chat, stream with usage in the last chunk", _chunks({"usage": CACHED}), CACHED_COUNTS),
    Shape("OpenAI chat, stream without usage", _chunks(), Usage()),
    Shape(
        "OpenAI Responses",
        _response({"input_tokens": 2006, "input_tokens_details": {"cached_tokens": 1920}, "output_tokens": 300,
                   "output_tokens_details": {"reasoning_tokens": 192}, "total_tokens": 2306}, service_tier="default"),
        Usage(2006, 1920, 300, 192, service_tier="default"), vendor=("openai", "responses"), path=RESPONSES,
    ),
    Shape(
        "OpenAI Responses, cache writes",
        _response({"input_tokens": 5000, "input_tokens_details": {"cached_tokens": 1000, "cache_write_tokens": 3000},
                   "output_tokens": 100, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 5100}),
        Usage(5000, 1000, 100, 0, 3000), model="gpt-5.6", vendor=("openai", "responses"), path=RESPONSES,
    ),
    Shape(
        "Anthropic, input apart from its cache",
        _whole({"input_tokens": 21, "cache_creation_input_tokens": 1888, "cache_read_input_tokens": 18_000,
                "cache_creation": {"ephemeral_5m_input_tokens": 1888, "ephemeral_1h_input_tokens": 0},
                "output_tokens": 393, "service_tier": "standard"}),
        Usage(19_909, 18_000, 393, None, 1888, service_tier="standard"), model="claude-sonnet-4-5",
        vendor=("anthropic", "default"),
    ),
    Shape(
        "Anthropic, written for an hour",
        _whole({"input_tokens": 21, "cache_creation_input_tokens": 1888, "cache_read_input_tokens": 0,
                "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 1888}, "output_tokens": 393}),
        Usage(1909, 0, 393, None, 1888), model="claude-sonnet-4-5", vendor=("anthropic", "default"),
        differs="what is written for an hour has a higher price there; we have one price for what is written",
    ),
    Shape(
        "Anthropic, batch",
        _whole({"input_tokens": 1000, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 500, "output_tokens": 100,
                "service_tier": "batch"}),
        Usage(1500, 500, 100, None, 0, service_tier="batch"), model="claude-sonnet-4-5", vendor=("anthropic", "default"),
    ),
    Shape(
        "Anthropic through OpenAI's route", _whole(PLAIN | {"prompt_tokens_details": None, "completion_tokens_details": None}),
        Usage(1000, None, 200), model="claude-sonnet-4-5", vendor=("anthropic", "chat"),
    ),
    Shape(
        "Anthropic through LiteLLM: both ways at once, the cache inside the prompt",
        _whole({"prompt_tokens": 19_909, "completion_tokens": 393, "total_tokens": 20_302,
                "prompt_tokens_details": {"cached_tokens": 18_000, "cache_write_tokens": 1888},
                "cache_creation_input_tokens": 1888, "cache_read_input_tokens": 18_000}),
        Usage(19_909, 18_000, 393, None, 1888), model="claude-sonnet-4-5", vendor=("openai", "chat"),
    ),
    Shape(
        "Gemini through OpenAI's route, thoughts only in the total",
        _whole({"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1700}),
        Usage(1000, None, 700, 500), model="gemini-2.5-flash", vendor=("google", "chat"),
        differs="it bills the completion alone and loses the thoughts, which Google bills as output",
    ),
    Shape(
        "xAI, reasoning on top of the completion",
        _whole({"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1700,
                "prompt_tokens_details": {"cached_tokens": 600, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 500, "audio_tokens": 0}}),
        Usage(1000, 600, 700, 500, audio_input_tokens=0, audio_output_tokens=0), model="grok-4.3", vendor=("x-ai", "chat"),
    ),
    Shape(
        "DeepSeek",
        _whole({"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200, "prompt_cache_hit_tokens": 640,
                "prompt_cache_miss_tokens": 360, "prompt_tokens_details": {"cached_tokens": 640}}),
        Usage(1000, 640, 200), model="deepseek-v4-flash", vendor=("deepseek", "chat"), differs_at_litellm=OFF_PEAK,
    ),
    Shape(
        "DeepSeek, without details",
        _whole({"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200, "prompt_cache_hit_tokens": 640,
                "prompt_cache_miss_tokens": 360}),
        Usage(1000, 640, 200), model="deepseek-v4-flash", vendor=("deepseek", "chat"),
        differs="it reads the details alone, and bills what came from the cache in full", differs_at_litellm=OFF_PEAK,
    ),
    Shape(
        "vLLM, running totals in each chunk",
        _chunks({"usage": {"prompt_tokens": 1000, "total_tokens": 1001, "completion_tokens": 1}},
                {"usage": {"prompt_tokens": 1000, "total_tokens": 1200, "completion_tokens": 200,
                           "prompt_tokens_details": {"cached_tokens": 512}}}),
        Usage(1000, 512, 200),
    ),
    Shape("vLLM, whole", _whole(PLAIN | {"prompt_tokens_details": None}), Usage(1000, None, 200)),
    Shape(
        "SGLang", _whole(PLAIN | {"prompt_tokens_details": {"cached_tokens": 900}, "reasoning_tokens": 150}),
        Usage(1000, 900, 200, 150),
    ),
    Shape("TGI", _chunks({"usage": PLAIN}), Usage(1000, None, 200)),
    Shape("Ollama through OpenAI's route", _whole(PLAIN), Usage(1000, None, 200)),
    Shape(
        "Ollama, its own counts",
        _whole(None, prompt_eval_count=1000, prompt_eval_duration=130_079_000, eval_count=200, eval_duration=4_232_710_000),
        Usage(1000, None, 200), differs=NO_EXTRACTOR,
    ),
    Shape(
        "llama.cpp, its timings alone",
        _chunks({"timings": {"cache_n": 236, "prompt_n": 764, "prompt_ms": 30.9, "predicted_n": 200, "predicted_ms": 661.1}}),
        Usage(1000, 236, 200), differs=NO_EXTRACTOR,
    ),
    Shape(
        "llama.cpp, usage beside its timings",
        _whole(PLAIN | {"prompt_tokens_details": {"cached_tokens": 236}}, timings={"prompt_n": 764, "predicted_n": 200}),
        Usage(1000, 236, 200),
    ),
    Shape("Groq, stream", _chunks({"x_groq": {"id": "req-1", "usage": PLAIN}}), Usage(1000, None, 200), differs=NO_EXTRACTOR),
    Shape(
        "Moonshot, stream", _chunks({"choices": [{"index": 0, "delta": {}, "usage": PLAIN | {"cached_tokens": 300}}]}),
        Usage(1000, 300, 200), differs=NO_EXTRACTOR,
    ),
]  # fmt: skip
