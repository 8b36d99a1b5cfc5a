"""A file leaves in chunks of whole lines, whatever their lengths."""

import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_pilot.cli.errors import CommandFailed
from parallel_pilot.cli.imports import chunks, file_key

lines = st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"") + b"\n"), max_size=30)


@given(lines, st.binary(max_size=9).map(lambda line: line.replace(b"\n", b"")), st.integers(1, 64), st.data())
def test_chunks_are_whole_lines_that_add_up_to_the_rest_of_the_file(
    whole: list[bytes], half: bytes, size: int, data: st.DataObject
) -> None:
    text = b"".join(whole) + half
    starts = [0, *(n + 1 for n, byte in enumerate(text) if byte == ord("\n"))]
    offset = data.draw(st.sampled_from(starts))
    sent = list(chunks(io.BytesIO(text), offset, size=size, longest=1000))
    assert b"".join(chunk for _, chunk in sent) == text[offset:]
    assert all(chunk.endswith(b"\n") for _, chunk in sent[:-1])
    assert all(text[place : place + len(chunk)] == chunk for place, chunk in sent)
    assert all(chunk for _, chunk in sent)


def test_a_line_that_is_too_long_is_named() -> None:
    text = b"a\nbb\n" + b"c" * 100
    with pytest.raises(CommandFailed) as failed:
        list(chunks(io.BytesIO(text), 0, size=4, longest=10))
    assert [problem.line for problem in failed.value.problems] == [3]


def test_a_file_is_known_by_its_hash() -> None:
    seen: list[int] = []
    assert file_key(io.BytesIO(b"abc"), seen.append) == hashlib.sha256(b"abc").hexdigest()
    assert seen == [3]
