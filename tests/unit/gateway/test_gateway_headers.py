"""Which headers pass, and what is read from those that do not."""

import pytest

from app.domain.live import Hints
from app.gateway.headers import pass_response_headers, read_request_headers

HOP = [
    (b"connection", b"keep-alive, X-Mine,x-other"), (b"keep-alive", b"timeout=5"), (b"proxy-connection", b"keep-alive"),
    (b"te", b"trailers"), (b"trailer", b"X-Sum"), (b"transfer-encoding", b"chunked"), (b"upgrade", b"h2c"),
    (b"proxy-authorization", b"Basic x"), (b"x-mine", b"1"), (b"x-other", b"2"),
]  # fmt: skip


TRACEPARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_end_to_end_headers_pass_in_their_order_with_their_doubles() -> None:
    kept = [(b"b", b"1"), (b"authorization", b"Bearer k"), (b"a", b""), (b"b", b"2"), (b"x-stainless-retry-count", b"1")]
    mixed = [pair for pairs in zip(kept, HOP, strict=False) for pair in pairs] + HOP[len(kept) :]
    assert read_request_headers([*mixed, (b"host", b"g"), (b"expect", b"100-continue")]).passed == kept
    upper = [(name.title(), value) for name, value in mixed]
    assert pass_response_headers(upper) == kept


def test_the_length_is_read_and_not_passed() -> None:
    asked = read_request_headers([(b"content-length", b"12"), (b"x", b"1")])
    assert (asked.content_length, asked.passed) == (12, [(b"x", b"1")])
    assert read_request_headers([]).content_length is None


def test_nothing_of_ours_passes_not_even_what_nobody_knows() -> None:
    asked = read_request_headers([(b"x-pilot-segment", b"s"), (b"x-pilot-unheard-of", b"1"), (b"x-pilotage", b"2")])
    assert asked.passed == [(b"x-pilotage", b"2")]
    assert asked.hints == Hints(segment="s")


@pytest.mark.parametrize(
    ("values", "level", "is_bad"),
    [
        ([b"full"], "full", False),
        ([b" Masked "], "masked", False),
        ([b"metadata", b"full"], "metadata", False),
        ([b"full", b"masked"], "masked", False),
        ([b"none"], "metadata", True),
        ([b""], "metadata", True),
        ([b"full;q=1"], "metadata", True),
        ([], None, False),
    ],
)
def test_of_what_is_said_about_content_the_strictest_holds(values: list[bytes], level: str | None, is_bad: bool) -> None:
    asked = read_request_headers([(b"x-pilot-content", value) for value in values])
    assert (asked.hints.content, asked.has_bad_content) == (level, is_bad)


@pytest.mark.parametrize(("value", "is_off"), [(b"off", True), (b" OFF ", True), (b"on", False), (b"", False), (b"no", False)])
def test_only_off_opts_out(value: bytes, is_off: bool) -> None:
    assert read_request_headers([(b"x-pilot-mirror", value)]).opted_out is is_off


@pytest.mark.parametrize(
    ("value", "is_noted"),
    [
        (TRACEPARENT, True),
        (TRACEPARENT[:-1], False),
        (TRACEPARENT.upper(), False),
        (b"\xff" * 55, False),
        (b"x" * 70_000, False),
    ],
)
def test_a_traceparent_passes_as_it_is_and_is_noted_if_it_is_one(value: bytes, is_noted: bool) -> None:
    asked = read_request_headers([(b"traceparent", value), (b"tracestate", b"a=b")])
    assert asked.passed == [(b"traceparent", value), (b"tracestate", b"a=b")]
    assert asked.traceparent == (value.decode() if is_noted else None)
    assert (asked.hints, asked.opted_out, asked.has_bad_content) == (Hints(), False, False)
