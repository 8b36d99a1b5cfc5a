"""Bytes out are bytes in, whatever the chunks, the error or the moment at which the reader leaves."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from parallel_pilot.hints import NOTHING
from parallel_pilot.outbox import Outbox
from parallel_pilot.relay import relay
from parallel_pilot.watch import Watch

CHUNKS = st.lists(st.binary(max_size=200), max_size=12)
LEAVES = st.one_of(st.none(), st.integers(0, 12))


class Broken(Exception):
    """What a vendor's connection raises."""


class Source(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """Gives chunks, then breaks if it is to."""

    def __init__(self, chunks: list[bytes], *, breaks: bool) -> None:
        self.chunks = chunks
        self.breaks = breaks
        self.closed = 0

    @override
    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks
        if self.breaks:
            raise Broken

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk
        if self.breaks:
            raise Broken

    @override
    def close(self) -> None:
        self.closed += 1

    @override
    async def aclose(self) -> None:
        self.closed += 1


def watched(outbox: Outbox) -> Watch:
    watch = Watch(outbox, "p", "/responses", NOTHING, b"{}")
    assert outbox.open(watch)
    return watch


def read(response: Any, leaves: int | None) -> tuple[list[bytes], bool]:
    """What a reader gets that leaves after so many chunks, and whether it met the error."""
    got: list[bytes] = []
    try:
        for chunk in response.stream:
            if leaves is not None and len(got) >= leaves:
                break
            got.append(chunk)
    except Broken:
        return got, True
    finally:
        response.stream.close()
    return got, False


async def read_async(response: Any, leaves: int | None) -> tuple[list[bytes], bool]:
    got: list[bytes] = []
    try:
        async for chunk in response.stream:
            if leaves is not None and len(got) >= leaves:
                break
            got.append(chunk)
    except Broken:
        return got, True
    finally:
        await response.stream.aclose()
    return got, False


@pytest.mark.parametrize("is_async", [False, True])
@given(chunks=CHUNKS, leaves=LEAVES, breaks=st.booleans(), limit=st.sampled_from([600, 1500, 10**6]))
def test_a_reader_meets_the_same_with_and_without_us(
    chunks: list[bytes], leaves: int | None, breaks: bool, limit: int, is_async: bool
) -> None:
    outbox = Outbox(limit, lambda: None)
    watch = watched(outbox)
    plain = httpx2.Response(200, stream=Source(chunks, breaks=breaks))
    source = Source(chunks, breaks=breaks)
    ours = httpx2.Response(200, stream=source)
    relay(ours, watch, httpx2, is_async=is_async)
    if is_async:
        met = asyncio.run(read_async(ours, leaves))
        assert met == asyncio.run(read_async(plain, leaves))
    else:
        met = read(ours, leaves)
        assert met == read(plain, leaves)
    assert source.closed == 1
    assert outbox.held_bytes <= limit + 2 * 512
    if watch.end == "shed":
        assert watch.pieces == []
        return
    has_left = leaves is not None and len(chunks) > leaves
    assert watch.end == ("client_cancelled" if has_left else "connection" if breaks else "complete")
    copied = b"".join(watch.pieces)
    assert b"".join(chunks).startswith(copied)
    assert len(copied) >= len(b"".join(met[0]))
    assert sum(size for _, size in watch.chunks) == len(copied) == watch.kept
    # All that was held is given back when it has been sent.
    outbox.settle(outbox.take(10**9, with_counts=True), {})
    assert outbox.held_bytes == 0
