"""One place to send to: its name, its addresses, and the connections kept open to it."""

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from time import monotonic
from urllib.parse import urlsplit

from app.domain.addresses import refuse_address
from app.gateway.upstream.errors import UpstreamUnreachable

ADDRESSES_KEPT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Place:
    """What of a base URL every request to it needs."""

    host: str
    port: int
    is_tls: bool
    host_header: bytes
    path: bytes


def place_of(base_url: str) -> Place:
    """Reads a base URL, which the configuration has checked already."""
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        message = f"{base_url!r} is no base URL"
        raise ValueError(message)
    is_tls = parts.scheme == "https"
    default = 443 if is_tls else 80
    host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode()
    shown = f"[{host}]" if ":" in host else host
    port = parts.port or default
    header = shown if port == default else f"{shown}:{port}"
    return Place(host, port, is_tls, header.encode(), parts.path.rstrip("/").encode())


class Addresses:
    """Resolved addresses of one host, none of them forbidden; the last known ones serve while DNS is away."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._found: list[str] = []
        self._until = 0.0
        self._lookup: asyncio.Task[list[str]] | None = None

    async def get(self) -> list[str]:
        """Addresses in the order to try them."""
        if self._found and monotonic() < self._until:
            return self._found
        if self._lookup is None:
            self._lookup = asyncio.get_running_loop().create_task(self._resolve())
            self._lookup.add_done_callback(self._forget_lookup)
        return await asyncio.shield(self._lookup)

    def expire(self) -> None:
        """None of them answered: the next request looks again."""
        self._until = 0.0

    def _forget_lookup(self, done: asyncio.Task[list[str]]) -> None:
        self._lookup = None
        with contextlib.suppress(asyncio.CancelledError):
            done.exception()  # whoever waited has it; a waiter that went away must not leave a warning

    async def _resolve(self) -> list[str]:
        try:
            rows = await asyncio.get_running_loop().getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError as error:
            if self._found:
                return self._found
            message = f"no address found for {self._host}: {error.strerror or error}"
            raise UpstreamUnreachable(message, "dns") from error
        found = list(dict.fromkeys(str(row[4][0]) for row in rows))
        refused = {address: why for address in found if (why := refuse_address(address))}
        if len(refused) == len(found):
            message = f"{self._host} is not called: {'; '.join(refused.values()) or 'no address'}"
            raise UpstreamUnreachable(message, "refused_address")
        self._found = [address for address in found if address not in refused]
        self._until = monotonic() + ADDRESSES_KEPT_SECONDS
        return self._found
