"""What transports and middleware share: the arguments, checked, and the decision whether a call is copied."""

from collections.abc import Iterable

from parallel_pilot.hints import LEVELS, NOTHING, Hints, bound_hints, plain, read_headers
from parallel_pilot.sending import OUTBOX_BYTES, Sender, sender_for
from parallel_pilot.watch import MAX_REQUEST_BYTES, Watch, route_of

RawHeaders = Iterable[tuple[bytes, bytes]]

_with_transport: set[str] = set()


def note_transport(pilot: str) -> None:
    """Calls of this pilot are copied where they leave the process."""
    _with_transport.add(pilot)


def has_transport(pilot: str) -> bool:
    """Whether calls of this pilot are copied where they leave the process."""
    return pilot in _with_transport


class Shadow:
    """Copies one pilot's calls to the service.

    Args:
        pilot: Name of the pilot.
        service_url: Address of the service; `None` = nothing is copied.
        api_key: A key with the role `ingest`.
        enabled: `False` = nothing is copied or counted.
        segment: Kind of work of calls of which nothing else is said.
        content: Content level of these calls; the strictest of all that is said holds.
        outbox_bytes: Most that waits in this process for the service.

    Raises:
        ValueError: An argument that can never work, said where the application starts.
    """

    def __init__(
        self, pilot: str, service_url: str | None, api_key: str | None, *,
        enabled: bool = True, segment: str | None = None, content: str | None = None, outbox_bytes: int | None = None,
    ) -> None:  # fmt: skip
        if not pilot or not isinstance(pilot, str):
            message = "pilot must be the name of a pilot"
            raise ValueError(message)
        if content is not None and content not in LEVELS:
            message = f"content must be one of {', '.join(LEVELS)}, not {content!r}"
            raise ValueError(message)
        self.pilot = pilot
        named = plain(segment) if segment else None
        self.hints = Hints(segment=named, content=content) if segment or content else NOTHING
        self.sender: Sender | None = None
        if enabled and service_url is not None:
            self.sender = sender_for(service_url.rstrip("/"), _checked_key(api_key), outbox_bytes or OUTBOX_BYTES)

    def hints_for(self, headers: RawHeaders) -> tuple[Hints, bool]:
        """All that is said of a call, nearest first, and whether its headers hold any of ours."""
        found, has_ours = read_headers(headers)
        return found.over(bound_hints(self.pilot)).over(self.hints), has_ours

    def drops(self, method: str, path: str, hints: Hints, size: int) -> bool:
        """Whether the call is not copied, for a reason that is counted here."""
        if self.sender is None:
            return True
        if hints.is_off:
            reason = "opted_out"
        elif method != "POST" or route_of(path) is None:
            reason = "not_mirrored_route"
        elif size > MAX_REQUEST_BYTES:
            reason = "too_large"
        else:
            return False
        self.sender.outbox.drop(self.pilot, reason)
        return True

    def open(self, path: str, hints: Hints, request: bytes) -> Watch | None:
        """Begins to copy a call; `None` if there is no room, or the service wants none."""
        if self.sender is None:
            return None
        watch = Watch(self.sender.outbox, self.pilot, route_of(path) or path, hints, request)
        return watch if self.sender.outbox.open(watch) else None

    def note_failure(self, where: str) -> None:
        """A fault of ours that the host must not feel; call it while the exception is handled."""
        if self.sender is not None:
            self.sender.note_failure(where)


def _checked_key(api_key: str | None) -> str:
    key = (api_key or "").strip()
    if not key or not key.isascii() or not key.isprintable():
        message = "api_key must be an API key of the service: `pilot keys add NAME --role ingest` makes one"
        raise ValueError(message)
    return key
