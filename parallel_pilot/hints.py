"""What is said about a model call: in `X-Pilot-*` headers, in arguments, or bound by the request inside which it is made."""

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field

LEVELS = ("full", "masked", "metadata")
LONGEST = 300
RETRY_DIGITS = 5
PREFIX = b"x-pilot-"
RETRY_COUNT = b"x-stainless-retry-count"
_OURS_BEGIN = (b"X-", b"x-")


@dataclass(frozen=True, slots=True)
class Hints:
    """Wishes about one request; `None` = nothing was said.

    Attributes:
        segment: Kind of work.
        conversation: Which exchanges belong together.
        content: How much text may be kept: `full`, `masked` or `metadata`.
        retry_count: Which attempt of the SDK this is.
        is_off: It is not to be mirrored.
    """

    segment: str | None = None
    conversation: str | None = None
    content: str | None = None
    retry_count: int | None = None
    is_off: bool = False

    def over(self, other: "Hints") -> "Hints":
        """These, and where they say nothing the others; of two content levels the stricter one."""
        if other is NOTHING:
            return self
        return Hints(
            self.segment if self.segment is not None else other.segment,
            self.conversation if self.conversation is not None else other.conversation,
            stricter(self.content, other.content),
            self.retry_count if self.retry_count is not None else other.retry_count,
            self.is_off or other.is_off,
        )


NOTHING = Hints()


@dataclass(slots=True)
class Sight:
    """What a middleware has seen so far, to say so once if it was nothing."""

    has_call: bool = False
    has_served: bool = False
    has_said: bool = False


@dataclass(frozen=True, slots=True)
class Binding:
    """What one middleware says of the model calls inside one request."""

    pilot: str
    hints: Hints
    sight: Sight = field(compare=False)


_bound: ContextVar[tuple[Binding, ...]] = ContextVar("parallel_pilot_bound", default=())


def bind(binding: Binding) -> object:
    """From here on model calls are made inside this request; the answer undoes it."""
    return _bound.set((*_bound.get(), binding))


def unbind(token: object) -> None:
    """Ends what `bind` began."""
    _bound.reset(token)  # type: ignore[arg-type]


def bound_hints(pilot: str) -> Hints:
    """What the request around this call says of it; each middleware around it learns that there was a call."""
    found = NOTHING
    for binding in _bound.get():
        binding.sight.has_call = True
        if binding.pilot == pilot:
            found = binding.hints.over(found)
    return found


def read_headers(headers: Iterable[tuple[bytes, bytes]]) -> tuple[Hints, bool]:
    """The hints in a request's headers, and whether any of them must not reach the vendor."""
    found: dict[bytes, bytes] = {}
    has_ours = False
    for name, value in headers:
        if name[:2] not in _OURS_BEGIN:  # nearly all
            continue
        if name[:8].lower() == PREFIX:
            has_ours = True
            kind = name[8:].lower()
            found[kind] = found[kind] + b"," + value if kind in found else value
        elif name.lower() == RETRY_COUNT:
            found[RETRY_COUNT] = value
    return _hints(found) if found else NOTHING, has_ours


def header_lines(hints: Hints) -> list[tuple[bytes, bytes]]:
    """Hints as headers, for a gateway."""
    said = {
        b"X-Pilot-Segment": hints.segment,
        b"X-Pilot-Conversation": hints.conversation,
        b"X-Pilot-Content": hints.content,
        b"X-Pilot-Mirror": "off" if hints.is_off else None,
    }
    return [(name, value.encode("utf-8", "replace")) for name, value in said.items() if value is not None]


def stricter(one: str | None, other: str | None) -> str | None:
    """The stricter of two content levels; `None` is none."""
    return max(one, other, key=_rank) if one and other else one or other


def plain(said: str) -> str | None:
    """A segment or conversation as it is kept, by gateway and client alike; `None` if nothing is left of it."""
    return said.encode("utf-8", "replace").decode().strip().replace("\0", "")[:LONGEST] or None


def _rank(level: str) -> int:
    return LEVELS.index(level)


def _hints(found: dict[bytes, bytes]) -> Hints:
    retries, content = found.get(RETRY_COUNT, b""), found.get(b"content")
    return Hints(
        segment=_text(found.get(b"segment")),
        conversation=_text(found.get(b"conversation")),
        content=None if content is None else _level(content),
        retry_count=int(retries) if retries.isdigit() and len(retries) <= RETRY_DIGITS else None,
        is_off=b"off" in _words(found.get(b"mirror", b"")),
    )


def _text(value: bytes | None) -> str | None:
    return None if value is None else plain(value.decode("utf-8", "replace"))


def _level(value: bytes) -> str:
    """The strictest of the content levels that are named; of a word that is none we cannot know how little was wanted."""
    said = {word.decode("utf-8", "replace") for word in _words(value)}
    return max(said, key=_rank) if said <= set(LEVELS) else LEVELS[-1]


def _words(value: bytes) -> set[bytes]:
    return {word.strip().lower() for word in value.split(b",")}
