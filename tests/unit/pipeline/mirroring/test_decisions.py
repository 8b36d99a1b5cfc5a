"""Each decision on a request by itself: retry, sampling, control, segment, conversation, what can be read."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.capture.segments import live_segment_finder
from app.domain.live import Hints, ReplyEvent
from app.domain.pilot import Arm, Pilot
from app.domain.sampling import sample_point
from app.domain.words import ArmRole, PilotState
from app.pipeline.mirroring.attempts import Attempt, Attempts, failed_at_us, is_retry
from app.pipeline.mirroring.pilots import LivePilot, live_pilot
from app.pipeline.mirroring.placing import named
from app.pipeline.mirroring.requests import is_chained, read_request
from app.pipeline.mirroring.sampling import has_control, takes_part
from tests.builders import a_configuration

SECOND = 1_000_000
WINDOW = 60.0
FIRST = Attempts("b-1", "b-1", 0)


def a_retry(at_seconds: float, *, said: int | None = None, failed_seconds: float | None = None) -> bool:
    attempt = Attempt("b-2", int(at_seconds * SECOND), said)
    failed = None if failed_seconds is None else int(failed_seconds * SECOND)
    return is_retry(attempt, FIRST, failed_at_us=failed, window_seconds=WINDOW)


def test_after_a_failure_a_repetition_within_the_window_is_another_attempt() -> None:
    assert a_retry(2, failed_seconds=1)
    assert a_retry(61, failed_seconds=1)
    assert not a_retry(62, failed_seconds=1)


def test_without_a_failure_before_it_a_repetition_is_an_exchange_of_its_own() -> None:
    assert not a_retry(2)
    assert not a_retry(2, said=0)


def test_two_at_the_same_time_are_two_even_if_the_first_fails_later() -> None:
    assert not a_retry(2, failed_seconds=3)


def test_a_client_may_be_back_before_its_going_was_noticed() -> None:
    assert a_retry(2, failed_seconds=2.05)


def test_the_sdk_s_word_counts_for_longer_and_whatever_became_of_the_first() -> None:
    assert a_retry(599, said=1)
    assert not a_retry(601, said=1)


def test_an_attempt_that_came_before_is_no_repetition() -> None:
    assert not is_retry(Attempt("b-0", -1, 1), FIRST, failed_at_us=0, window_seconds=WINDOW)


def a_reply(**more: Any) -> ReplyEvent:
    values: dict[str, Any] = {
        "pilot": "p", "boot": "b", "number": 1, "at_us": 5 * SECOND, "path": "/chat/completions", "hints": Hints(),
        "status": 200,
        "content_type": "application/json", "content_encoding": "", "chunks": (), "total_seconds": 2.0, "lag_seconds": None,
        "end": "complete", "body": b"",
    } | more  # fmt: skip
    return ReplyEvent(**values)


@pytest.mark.parametrize(
    ("event", "is_complete", "fails"),
    [
        ({}, True, False),
        ({"status": 400}, True, False),
        ({"status": 404}, True, False),
        ({"status": 408}, True, True),
        ({"status": 409}, True, True),
        ({"status": 429}, True, True),
        ({"status": 500}, True, True),
        ({"status": 503, "end": "client_cancelled"}, True, True),
        ({"status": None, "end": "connection"}, False, True),
        ({"end": "connection"}, False, True),
        ({"end": "timeout"}, False, True),
        ({"end": "client_cancelled"}, False, True),
        ({"end": "client_cancelled"}, True, False),
        ({"end": "too_large"}, False, False),
    ],
)
def test_what_a_client_tries_again_after(event: dict[str, Any], is_complete: bool, fails: bool) -> None:
    assert failed_at_us(a_reply(**event), is_complete=is_complete) == (7 * SECOND if fails else None)


@given(st.text(min_size=1), st.floats(0, 1), st.floats(0, 1))
def test_a_smaller_sample_lies_inside_a_larger_one(conversation: str, one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert takes_part(conversation, large) or not takes_part(conversation, small)
    assert has_control(conversation, large) or not has_control(conversation, small)
    assert takes_part(conversation, 1.0)
    assert not has_control(conversation, 0.0)


def test_the_control_s_share_is_the_same_within_any_sample() -> None:
    names = [f"conversation {number}" for number in range(20_000)]
    sample = [name for name in names if takes_part(name, 0.2)]
    assert len(sample) == pytest.approx(4000, rel=0.1)
    assert sum(has_control(name, 0.25) for name in sample) == pytest.approx(1000, rel=0.15)
    assert sum(has_control(name, 0.25) for name in names) == pytest.approx(5000, rel=0.1)
    assert sample_point(names[0]) < 1


SEGMENTS = [
    {"name": "by-header", "match": {"header": "mail"}},
    {"name": "by-path", "match": {"path": "^/v1/responses"}},
    {"name": "by-model", "match": {"model": "^gpt-4"}},
    {"name": "by-words", "match": {"system_prompt": "^Extract"}},
    {"name": "both", "match": {"header": "both", "model": "^gpt-5"}},
    {"name": "only-said"},
]


@pytest.mark.parametrize(
    ("hint", "path", "request_", "segment"),
    [
        ("mail", "/chat/completions", {}, "by-header"),
        ("mail", "/responses", {}, "by-header"),
        (None, "/responses", {}, "by-path"),
        (None, "/chat/completions", {"model": "gpt-4o"}, "by-model"),
        (None, "/chat/completions", {"messages": [{"role": "system", "content": "Extract it"}]}, "by-words"),
        ("both", "/chat/completions", {"model": "gpt-5.1"}, "both"),
        ("both", "/chat/completions", {"model": "gpt-3"}, "other"),
        ("only-said", "/responses", {"model": "gpt-4"}, "only-said"),
        ("by-words", "/chat/completions", {"model": "gpt-4"}, "by-words"),
        ("by-header", "/chat/completions", {}, "other"),
        ("unknown", "/chat/completions", {}, "other"),
        (None, "/chat/completions", {}, "other"),
    ],
)
def test_the_first_segment_that_fits_wins_unless_another_is_named(
    hint: str | None, path: str, request_: Any, segment: str
) -> None:
    find = live_segment_finder(a_configuration(segment=SEGMENTS).segment)
    assert find(request_, path, hint) == segment


def test_a_path_may_be_written_with_or_without_its_beginning() -> None:
    for pattern in ("^/chat/completions$", "^/v1/chat/completions$", "chat"):
        find = live_segment_finder(a_configuration(segment=[{"name": "chat", "match": {"path": pattern}}]).segment)
        assert find({}, "/chat/completions", None) == "chat"


def test_a_header_that_a_match_names_is_not_taken_for_a_segment_s_name() -> None:
    tables = [{"name": "one", "match": {"header": "two"}}, {"name": "two"}]
    assert live_segment_finder(a_configuration(segment=tables).segment)({}, "/chat/completions", "two") == "one"


@pytest.mark.parametrize(
    ("path", "body", "is_readable"),
    [
        ("/chat/completions", {"messages": [{"role": "user", "content": "x"}]}, True),
        ("/chat/completions", {"messages": []}, False),
        ("/chat/completions", {"prompt": "x"}, False),
        ("/chat/completions", [1], False),
        ("/completions", {"prompt": "x"}, True),
        ("/completions", {"prompt": ["x"]}, True),
        ("/completions", {}, False),
        ("/responses", {"input": "x"}, True),
        ("/responses", {"input": [{"role": "user", "content": "x"}]}, True),
        ("/responses", {"previous_response_id": "resp_1"}, True),
        ("/responses", {"messages": [{"role": "user", "content": "x"}]}, False),
    ],
)
def test_a_body_has_the_shape_of_its_route_or_cannot_be_read(path: str, body: Any, is_readable: bool) -> None:
    assert read_request(path, orjson.dumps(body)) == (body if is_readable else None)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"null", b'{"messages": NaN}', b"[" * 100_000])
def test_a_body_that_is_no_json_cannot_be_read(body: bytes) -> None:
    assert read_request("/chat/completions", body) is None


def test_what_the_incumbent_does_not_keep_cannot_be_gone_on_from() -> None:
    assert is_chained({})
    assert not is_chained({"store": False})


def a_live_pilot(**tables: Any) -> LivePilot:
    now = datetime.now(UTC)
    pilot = Pilot(
        id=1, name="support-bot", state=PilotState.RUNNING, configuration=a_configuration(**tables),
        arms=(Arm(1, "incumbent", ArmRole.INCUMBENT, "gpt-5.1"), Arm(2, "qwen", ArmRole.CANDIDATE, "Qwen/Qwen3.5")),
        starts_at=now, extended_days=0, is_default=True, is_detached=False, mirror_on=True, created_at=now, started_at=now,
        stopped_at=None,
    )  # fmt: skip
    return live_pilot(pilot, {}, b"a key of this test")


def test_a_client_s_name_of_a_conversation_stays_where_text_may_be_kept() -> None:
    pilot = a_live_pilot()
    assert named("thread 12 / über", pilot, None) == "thread 12 / über"
    assert named("thread-12", pilot, "metadata") == "thread-12"


@pytest.mark.parametrize("name", ["eve@example.com", "a b", "x" * 501, "two\nlines"])
def test_a_name_that_may_be_text_is_a_hash_where_text_may_not_be_kept(name: str) -> None:
    found = named(name, a_live_pilot(), "metadata")
    assert found.startswith("n-")
    assert name not in found
    assert named(found, a_live_pilot(), "metadata") == found


def test_names_that_no_column_can_hold_are_hashes() -> None:
    assert named("nul\x00", a_live_pilot(), None).startswith("n-")


def test_an_exchange_waits_for_the_slowest_arm_and_a_minute() -> None:
    candidates = [
        {"name": name, "base_url": "http://127.0.0.1:1/v1", "model": "m", "license": "MIT", "timeout_seconds": seconds}
        for name, seconds in (("fast", 5), ("slow", 200))
    ]
    assert a_live_pilot(candidate=candidates).deadline_seconds == 260
