"""What can go wrong between the gateway and the incumbent.

UpstreamError
├─ UpstreamUnreachable   nothing of the request was sent
└─ UpstreamBroken        something was sent, and no whole answer came
"""

from typing import Literal, TypeAlias

UnreachableReason: TypeAlias = Literal["dns", "refused_address", "connect", "connect_timeout", "tls"]
BrokenReason: TypeAlias = Literal["closed", "invalid_response", "head_too_large", "upgrade", "aborted"]


class UpstreamError(Exception):
    """Base; `reason` is a stable short name for metrics.

    `sent_at`: `time.perf_counter()` when the last request byte was handed to the socket; 0.0 = none was.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.sent_at = 0.0


class UpstreamUnreachable(UpstreamError):
    """No connection, so nothing was sent: no such name, refused, TLS, too slow to connect."""

    def __init__(self, message: str, reason: UnreachableReason) -> None:
        super().__init__(message, reason)


class UpstreamBroken(UpstreamError):
    """Sent, at least in part; then the connection broke or the answer was no HTTP."""

    def __init__(self, message: str, reason: BrokenReason) -> None:
        super().__init__(message, reason)
