"""Counts of one shape from whatever servers say; chunks replace each other; nothing but numbers where no text is kept."""

from typing import Any

import pytest

from app.domain.exchange import Json, Usage
from app.providers.chat import ChatDraft
from app.providers.usage import LARGEST, joined, kept_usage, plain_usage, tier_word, usage_in, usage_of, usage_text

FIRST: Json = {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11}
LAST: Json = {"prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17}


def counts(usage: Usage) -> tuple[int | None, ...]:
    return usage.input_tokens, usage.cached_input_tokens, usage.output_tokens, usage.reasoning_tokens


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (None, (None, None, None, None)),
        ("12 tokens", (None, None, None, None)),
        ({"prompt_tokens": "10", "completion_tokens": True}, (None, None, None, None)),
        ({"prompt_tokens": -1, "completion_tokens": LARGEST + 1}, (None, None, None, None)),
        # Anthropic's keys beside OpenAI's are OpenAI's: the prompt holds the cache already.
        ({"prompt_tokens": 10, "cache_read_input_tokens": 4}, (10, 4, None, None)),
        ({"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4}, "cache_read_input_tokens": 4}, (10, 4, None, None)),
        ({"input_tokens": 10, "cache_read_input_tokens": 4, "output_tokens": 2}, (14, 4, 2, None)),
        ({"input_tokens": 10, "cache_read_input_tokens": None, "output_tokens": 2}, (10, None, 2, None)),
        ({"input_tokens": LARGEST, "cache_read_input_tokens": 1, "output_tokens": 2}, (None, 1, 2, None)),
        # Reasoning is inside the completion, unless the total says that it is not.
        (LAST | {"completion_tokens_details": {"reasoning_tokens": 5}}, (10, None, 7, 5)),
        (LAST | {"total_tokens": 22, "completion_tokens_details": {"reasoning_tokens": 5}}, (10, None, 12, 5)),
        (LAST | {"total_tokens": 22, "completion_tokens_details": {"reasoning_tokens": 3}}, (10, None, 7, 3)),
        (LAST | {"total_tokens": 16}, (10, None, 7, None)),
    ],
)
def test_counts(raw: Any, expected: tuple[int | None, ...]) -> None:
    assert counts(usage_of(raw)) == expected


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([{"usage": FIRST}, {"usage": LAST}], (10, None, 7, None)),
        ([{"usage": LAST}, {"usage": None}], (10, None, 7, None)),
        ([{"usage": LAST}, {"usage": {}}], (10, None, 7, None)),
        ([{"usage": {"prompt_tokens": 10}}, {"usage": {"completion_tokens": 7}}], (10, None, 7, None)),
        ([{"usage": FIRST | {"prompt_tokens_details": {"cached_tokens": 4}}}, {"usage": LAST}], (10, 4, 7, None)),
        (
            [
                {"usage": FIRST | {"prompt_tokens_details": {"cached_tokens": 4}}},
                {"usage": LAST | {"prompt_tokens_details": None}},
            ],
            (10, 4, 7, None),
        ),
        ([{"timings": {"prompt_n": 1, "predicted_n": 2}}, {"timings": {"prompt_n": 1, "predicted_n": 9}}], (1, None, 9, None)),
        ([{"usage": LAST}, {"usage": LAST | {"prompt_tokens_details": {"cached_tokens": 4}}}], (10, 4, 7, None)),
        ([{}], (None, None, None, None)),
    ],
)
def test_the_last_chunk_wins_and_nothing_is_added_up(chunks: list[Json], expected: tuple[int | None, ...]) -> None:
    draft = ChatDraft()
    for chunk in chunks:
        draft.add_chunk({"choices": [], **chunk})
    assert counts(draft.usage) == expected


def test_the_tier_is_the_last_one_that_was_named() -> None:
    draft = ChatDraft()
    for chunk in ({"service_tier": "auto"}, {"service_tier": "flex"}, {"service_tier": None}, {"usage": LAST}):
        draft.add_chunk({"choices": [], **chunk})
    assert (draft.usage.service_tier, draft.usage.output_tokens) == ("flex", 7)
    assert usage_in({"service_tier": "flex", "usage": LAST | {"service_tier": "batch"}}) == Usage(
        10, None, 7, service_tier="batch", raw=LAST | {"service_tier": "batch"}
    )


def test_what_a_stream_says_in_parts_is_one_object() -> None:
    whole = joined(usage_of({"input_tokens": 5, "cache_read_input_tokens": 20}), usage_of({"output_tokens": 3}))
    assert counts(whole) == (25, 20, 3, None)
    assert whole.raw == {"input_tokens": 5, "cache_read_input_tokens": 20, "output_tokens": 3}


@pytest.mark.parametrize("word", [None, 3, "", "two words", "x" * 41, "eve@example.com", "flex\x00", {"a": 1}])
def test_a_tier_is_a_word(word: Any) -> None:
    assert tier_word(word) is None


def test_where_no_text_is_kept_only_numbers_and_words_of_a_kind_stay() -> None:
    raw = {
        "prompt_tokens": 10, "cost": 0.25, "service_tier": "on_demand", "note": "Call Eve", "who": "eve@example.com",
        "free": True,
        "prompt_tokens_details": {"cached_tokens": 4, "said": "Hello there", "deep": {"deeper": {"deepest": {"n": 1}}}},
        "list": ["secret", 1], "Call Eve at once": 1,
    }  # fmt: skip
    assert plain_usage(raw) == {
        "prompt_tokens": 10, "cost": 0.25, "service_tier": "on_demand", "free": True,
        "prompt_tokens_details": {"cached_tokens": 4, "deep": {"deeper": {}}},
    }  # fmt: skip
    assert kept_usage(raw) == raw
    assert plain_usage(None) is None
    assert plain_usage({"said": "Hello there"}) is None


@pytest.mark.parametrize("more", [{"said": "nul\x00"}, {"said": "x" * 5000}])
def test_what_no_column_holds_is_kept_as_numbers(more: Json) -> None:
    assert kept_usage(LAST | more) == LAST
    assert usage_text(LAST | more, keeps_text=True) == '{"prompt_tokens":10,"completion_tokens":7,"total_tokens":17}'


def test_too_many_numbers_are_not_kept() -> None:
    assert plain_usage({f"n{number}": number for number in range(1000)}) is None
