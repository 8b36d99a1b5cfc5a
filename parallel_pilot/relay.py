"""Response bodies on their way through: every chunk goes on at once and unchanged, its moment and bytes are noted."""

from collections.abc import AsyncIterator, Iterator
from functools import cache
from types import ModuleType
from typing import Any

from parallel_pilot.watch import Watch, end_by


class _Relay:
    def __init__(self, inner: Any, watch: Watch) -> None:
        self._inner = inner
        self._watch = watch

    def __del__(self) -> None:
        # Nobody read it to its end and nobody closed it: its client is gone.
        if self._watch.end is None:
            self._watch.finish("client_cancelled")


class SyncRelay(_Relay):
    """Half of a `SyncByteStream`; the other half is the library's."""

    def __iter__(self) -> Iterator[bytes]:
        watch = self._watch
        try:
            for chunk in self._inner:
                watch.chunk(chunk)
                yield chunk
        except BaseException as error:
            watch.finish(end_by(error))
            raise
        watch.finish("complete")

    def close(self) -> None:
        """Whoever closes before the end has cancelled."""
        try:
            self._inner.close()
        finally:
            self._watch.finish("client_cancelled")


class AsyncRelay(_Relay):
    """Half of an `AsyncByteStream`."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Chunks(self._inner.__aiter__(), self._watch)

    async def aclose(self) -> None:
        """Whoever closes before the end has cancelled."""
        try:
            await self._inner.aclose()
        finally:
            self._watch.finish("client_cancelled")


class _Chunks:
    """No generator: one that is forgotten half way would have to be ended by the event loop."""

    def __init__(self, inner: AsyncIterator[bytes], watch: Watch) -> None:
        self._inner = inner
        self._watch = watch

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._inner.__anext__()
        except StopAsyncIteration:
            self._watch.finish("complete")
            raise
        except BaseException as error:
            self._watch.finish(end_by(error))
            raise
        self._watch.chunk(chunk)
        return chunk


def relay(response: Any, watch: Watch, library: ModuleType, *, is_async: bool) -> None:
    """From here on the watch sees what passes through the response's body."""
    headers = response.headers
    watch.responded(response.status_code, headers.get("content-type", ""), headers.get("content-encoding", ""))
    if response.is_stream_consumed:  # made of bytes that were there already, as in tests: nobody will read its stream
        raw = b"".join(response.stream) if isinstance(response.stream, library.ByteStream) else response.content
        watch.chunk(raw)
        watch.finish("complete")
        return
    response.stream = _kind(library, is_async=is_async)(response.stream, watch)


@cache
def _kind(library: ModuleType, *, is_async: bool) -> Any:
    """The libraries check what a stream is: ours is one of theirs, made when it is first needed."""
    if is_async:
        return type("AsyncRelay", (AsyncRelay, library.AsyncByteStream), {})
    return type("SyncRelay", (SyncRelay, library.SyncByteStream), {})
