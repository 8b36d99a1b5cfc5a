"""Straight to the vendor when the gateway cannot be reached: only for requests of which nothing was sent."""

import re
import time
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from parallel_pilot.hints import PREFIX, Hints, header_lines
from parallel_pilot.libraries import rebuilt

_GATEWAY_PATH = re.compile(r"^(?:/p/[^/?]+)?/v1(?=[/?]|$)")
AWAY_SECONDS = 10.0  # a gateway that let a connection time out is not asked again for so long


class Fallback:
    """Rewrites requests for the gateway into requests for the vendor.

    Args:
        direct_url: The vendor's base URL, as in `https://api.openai.com/v1`.

    Raises:
        ValueError: It is none.
    """

    def __init__(self, direct_url: str) -> None:
        parts = urlsplit(direct_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            message = f"direct_fallback must be the vendor's base URL, as in https://api.openai.com/v1, not {direct_url!r}"
            raise ValueError(message)
        self._base = direct_url.rstrip("/")
        self._away_until = 0.0

    @property
    def is_away(self) -> bool:
        """The gateway timed out just now."""
        return time.monotonic() < self._away_until

    def takes(self, error: Exception, library: ModuleType) -> bool:
        """Whether the gateway was never reached, so that nothing was sent."""
        if isinstance(error, library.ConnectTimeout):
            self._away_until = time.monotonic() + AWAY_SECONDS
            return True
        return isinstance(error, library.ConnectError)

    def direct(self, request: Any) -> Any:
        """The request as the vendor gets it."""
        target = request.url.raw_path.decode("ascii")
        url = type(request.url)(self._base + _GATEWAY_PATH.sub("", target, count=1))
        headers = [
            (name, url.netloc if name.lower() == b"host" else value)
            for name, value in request.headers.raw
            if name[:8].lower() != PREFIX
        ]
        return rebuilt(request, url=url, headers=headers)


def for_gateway(request: Any, hints: Hints) -> Any:
    """The request with what was said of it in headers, for the gateway to read."""
    said = header_lines(hints)
    if not said:
        return request
    ours = {name.lower() for name, _ in said}
    headers = [(name, value) for name, value in request.headers.raw if name.lower() not in ours]
    return rebuilt(request, headers=headers + said)
