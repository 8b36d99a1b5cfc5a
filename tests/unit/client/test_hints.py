"""What is said about a call, read as the gateway reads it."""

import pytest

from app.domain.live import Hints as GatewayHints
from app.gateway.headers import read_request_headers
from parallel_pilot.hints import NOTHING, Hints, header_lines, read_headers

CASES = [
    [],
    [(b"x-pilot-segment", b" extraction ")],
    [(b"x-pilot-segment", b"\xff\xfe"), (b"x-pilot-conversation", "Größe".encode())],
    [(b"x-pilot-segment", b""), (b"x-pilot-conversation", b"c" * 5000)],
    [(b"x-pilot-content", b"Masked")],
    [(b"x-pilot-content", b"")],
    [(b"x-pilot-content", b"everything")],
    [(b"x-pilot-content", b"metadata"), (b"x-pilot-content", b"full")],
    [(b"x-pilot-content", b"full, masked")],
    [(b"x-pilot-content", b"full"), (b"x-pilot-content", b"")],
    [(b"x-pilot-segment", b"a"), (b"x-pilot-segment", b"b")],
    [(b"x-stainless-retry-count", b"1"), (b"x-stainless-retry-count", b"2")],
    [(b"x-pilot-mirror", b" OFF")],
    [(b"x-pilot-mirror", b"off"), (b"x-pilot-mirror", b"on")],
    [(b"x-pilot-mirror", b"on")],
    [(b"x-stainless-retry-count", b"3")],
    [(b"x-stainless-retry-count", b"x")],
    [(b"x-stainless-retry-count", b"123456")],
    [(b"x-other", b"1"), (b"accept", b"*/*")],
]


@pytest.mark.parametrize("headers", CASES)
def test_client_and_gateway_read_the_same_headers_alike(headers: list[tuple[bytes, bytes]]) -> None:
    ours, has_ours = read_headers([(name.title(), value) for name, value in headers])
    gateway = read_request_headers(headers)
    assert GatewayHints(ours.segment, ours.conversation, ours.content, ours.retry_count) == gateway.hints  # type: ignore[arg-type]
    assert ours.is_off == gateway.opted_out
    assert has_ours == any(name.startswith(b"x-pilot-") for name, _ in headers)


def test_what_is_written_for_a_gateway_is_read_as_it_was_meant() -> None:
    said = Hints("Größe", "c-1", "metadata", None, is_off=True)
    assert read_headers(header_lines(said)) == (said, True)
    assert header_lines(NOTHING) == []


def test_the_nearer_word_holds_and_the_stricter_level() -> None:
    near, far = Hints("a", None, "masked"), Hints("b", "c-1", "metadata", 2, is_off=True)
    assert near.over(far) == Hints("a", "c-1", "metadata", 2, is_off=True)
    assert far.over(near).content == "metadata"
    assert near.over(NOTHING) == near
