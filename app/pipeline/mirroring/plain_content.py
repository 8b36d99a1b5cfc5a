"""Content policy of level `full`, until the levels are there."""
# ruff: noqa: ARG001, ARG002

from dataclasses import dataclass

import orjson

from app.domain.configuration import ContentLevel, PilotConfiguration
from app.domain.exchange import Failure, Json, Reply
from app.domain.payload import reply_body

_ORDER: tuple[ContentLevel, ...] = ("full", "masked", "metadata")


def strictest(*levels: ContentLevel) -> ContentLevel:
    """The strictest of levels."""
    return max(levels, key=_ORDER.index)


@dataclass(frozen=True, slots=True)
class ContentPolicy:
    """Which text of a pilot may be kept."""

    default: ContentLevel

    @classmethod
    def of(cls, configuration: PilotConfiguration) -> "ContentPolicy":
        return cls(configuration.content.level)

    def level(self, segment: str, hint: ContentLevel | None) -> ContentLevel:
        return strictest(self.default, hint or "full")

    def kept_request(self, level: ContentLevel, request: Json) -> bytes | None:
        return orjson.dumps(request) if level == "full" else None

    def kept_reply(self, level: ContentLevel, reply: Reply | Failure) -> bytes | None:
        return orjson.dumps(reply_body(reply)) if level == "full" else None

    def seen_by_candidate(self, level: ContentLevel, request: Json) -> Json:
        return request


def checks_of(key: bytes, request: Json, reply: Reply | Failure) -> Json:
    return {}
