"""Answers as narrow facts: nothing that a client or a server wrote passes where text may not be kept."""

from decimal import Decimal

from app.costs.arm_prices import ReplyCost
from app.domain.exchange import Failure, Reply, Timing, ToolCall, Usage
from app.domain.words import FailureKind
from app.pipeline.mirroring.columns import columns_of
from app.providers.model_server import Adaptation, Answer

TIMING = Timing(0.1, 0.2, 0.3)
RAW = {
    "prompt_tokens": 10, "service_tier": "flex", "note": "to eve", "details": {"cached_tokens": 4, "said": "eve@example.com"},
}  # fmt: skip
USAGE = Usage(10, 4, 5, 2, 1, 3, 0, "flex", RAW)
COST = ReplyCost(Decimal("1.5E-7"), "pilot.toml (1/-/2)")
LOG = (
    Adaptation("model", "changed", "eve@example.com", "qwen", "the arm's own model"),
    Adaptation("logit_bias", "dropped", {"1": "eve"}, None, "its token ids are those of another tokenizer"),
    Adaptation("n", "dropped", 3, None, "one reply is compared"),
)


def test_a_reply_s_facts() -> None:
    reply = Reply("Hello", (ToolCall("f", "{}"),), "stop", USAGE, TIMING)
    found = columns_of(Answer(reply, LOG, "served", USAGE, 0.001), "full", queue_lag_seconds=0.02, cost=COST)
    assert found["adaptation"][0] == LOG[0].as_json()
    assert {key: value for key, value in found.items() if key != "adaptation"} == {
        "failure": None, "status": None, "finish_reason": "stop", "model": "served", "content_chars": 5, "input_tokens": 10,
        "cached_input_tokens": 4, "output_tokens": 5, "reasoning_tokens": 2, "ttft_any_seconds": 0.1,
        "ttft_visible_seconds": 0.2, "total_seconds": 0.3, "lag_seconds": 0.001, "queue_lag_seconds": 0.02,
        "caused_by_adaptation": False, "cache_write_tokens": 1, "audio_input_tokens": 3, "audio_output_tokens": 0,
        "service_tier": "flex", "usage": RAW, "cost_usd": "0.00000015", "price_version": "pilot.toml (1/-/2)",
    }  # fmt: skip


def test_a_failure_keeps_the_tokens_that_were_paid_for() -> None:
    failure = Failure(FailureKind.EMPTY, message="nothing", timing=TIMING, adaptation=True)
    found = columns_of(Answer(failure, usage=USAGE), "full", cost=COST)
    assert (found["cost_usd"], found["usage"]) == ("0.00000015", RAW)
    assert (found["failure"], found["output_tokens"], found["caused_by_adaptation"]) == ("empty", 5, True)
    assert (found["content_chars"], found["finish_reason"], found["queue_lag_seconds"]) == (None, None, None)


def test_where_text_may_not_be_kept_only_words_and_numbers_pass() -> None:
    reply = Reply("Hello", finish_reason="because eve said so", usage=USAGE, timing=TIMING)
    for level in ("masked", "metadata"):
        found = columns_of(Answer(reply, LOG, "served by eve@example.com", USAGE), level)
        assert found["usage"] == {"prompt_tokens": 10, "service_tier": "flex", "details": {"cached_tokens": 4}}
        assert "eve" not in str(found)
        assert [entry["parameter"] for entry in found["adaptation"]] == ["model", "logit_bias", "n"]
        assert found["adaptation"][2]["from"] == 3
        assert (found["model"], found["finish_reason"], found["content_chars"]) == (None, None, 5)
        assert columns_of(Answer(reply, model="org/model-1.5:free"), level)["model"] == "org/model-1.5:free"


def test_values_that_no_column_can_hold_are_told_by_their_size() -> None:
    for value in ("x" * 5000, {"user": "nul\x00"}):
        log = (Adaptation("metadata", "dropped", value, None, "means something at the vendor only"),)
        (entry,) = columns_of(Answer(Reply("Hello"), log), "full")["adaptation"]
        assert entry["from"].endswith("bytes)")
