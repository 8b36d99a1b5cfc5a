"""Compressed bodies of relayed replies, opened piece by piece and never further than a bound."""

import zlib
from collections.abc import Callable
from typing import Protocol

import brotli  # type: ignore[import-untyped]
from backports import zstd

from app.providers.draft import MalformedReply
from app.providers.reading import TooLarge


class Opener(Protocol):
    """Opens one encoding."""

    def open(self, data: bytes, at_most: int) -> bytes:
        """What these bytes hold; `TooLarge` if that is more than `at_most` bytes."""


class Inflater:
    """Undoes the `Content-Encoding` of one body; all that it gives out is at most `reply_bytes` long.

    Raises:
        MalformedReply: An encoding that is not known, or bytes that are not of it.
        TooLarge: More than the bound.
    """

    def __init__(self, content_encoding: str, reply_bytes: int) -> None:
        names = [name.strip().lower() for name in content_encoding.split(",")]
        self._left = reply_bytes
        self._openers = [_opener(name) for name in reversed(names) if name not in ("", "identity")]
        self._reply_bytes = reply_bytes

    def feed(self, data: bytes) -> bytes:
        """What these bytes hold."""
        for opener in self._openers:
            try:
                data = opener.open(data, self._reply_bytes)
            except (zlib.error, brotli.error, zstd.ZstdError, EOFError, MemoryError) as error:
                message = f"the body is not what its Content-Encoding says: {error}"
                raise MalformedReply(message) from error
        self._left -= len(data)
        if self._left < 0:
            raise TooLarge
        return data


class _Zlib:
    """gzip (with several members) and deflate (with or without zlib's header)."""

    def __init__(self, *, is_gzip: bool) -> None:
        self._is_gzip = is_gzip
        self._beginning = b""
        self._inflate: zlib._Decompress | None = None

    def open(self, data: bytes, at_most: int) -> bytes:
        data, self._beginning = self._beginning + data, b""
        opened = b""
        while data:
            if self._inflate is None:
                if len(data) < 2:  # noqa: PLR2004 - what tells the kinds apart
                    self._beginning = data
                    break
                self._inflate = zlib.decompressobj(self._window(data))
            opened += self._inflate.decompress(data, at_most + 1 - len(opened))
            if len(opened) > at_most:
                raise TooLarge
            data = self._rest()
        return opened

    def _rest(self) -> bytes:
        """Bytes of a further gzip member; anything else behind the end is padding."""
        assert self._inflate is not None  # noqa: S101 - only called with one
        if not self._inflate.eof:
            return b""
        rest = self._inflate.unused_data
        if not self._is_gzip or (rest and rest[0] != _GZIP_MAGIC):
            return b""
        self._inflate = None
        return rest

    def _window(self, beginning: bytes) -> int:
        if self._is_gzip:
            return 16 + zlib.MAX_WBITS
        has_header = beginning[0] & 0x0F == 8 and int.from_bytes(beginning[:2], "big") % 31 == 0  # noqa: PLR2004 - RFC 1950
        return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS


class _Brotli:
    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()

    def open(self, data: bytes, at_most: int) -> bytes:
        opened: bytes = self._decompressor.process(data, output_buffer_limit=at_most + 1)
        while len(opened) <= at_most and not self._decompressor.can_accept_more_data():
            opened += self._decompressor.process(b"", output_buffer_limit=at_most + 1 - len(opened))
        if len(opened) > at_most:
            raise TooLarge
        return opened


class _Zstandard:
    """zstd, with several frames."""

    def __init__(self) -> None:
        self._decompressor = zstd.ZstdDecompressor()

    def open(self, data: bytes, at_most: int) -> bytes:
        opened = b""
        while data:
            opened += self._decompressor.decompress(data, at_most + 1 - len(opened))
            if len(opened) > at_most:
                raise TooLarge
            data = b""
            if self._decompressor.eof:
                data, self._decompressor = self._decompressor.unused_data, zstd.ZstdDecompressor()
        return opened


_GZIP_MAGIC = 0x1F
_OPENERS: dict[str, Callable[[], Opener]] = {
    "gzip": lambda: _Zlib(is_gzip=True),
    "x-gzip": lambda: _Zlib(is_gzip=True),
    "deflate": lambda: _Zlib(is_gzip=False),
    "br": _Brotli,
    "zstd": _Zstandard,
}


def _opener(name: str) -> Opener:
    if name not in _OPENERS:
        message = f"an unknown Content-Encoding: {name[:40]!r}"
        raise MalformedReply(message)
    return _OPENERS[name]()
