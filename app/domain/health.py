"""Which part is ill, since when, and what is wrong with it, in words."""

from typing import Literal, TypeAlias

from pydantic import BaseModel

PartName: TypeAlias = Literal[
    "gateway", "routing", "api", "mirror", "recorder", "worker", "beat", "redis", "streams", "postgres",
]  # fmt: skip
Standing: TypeAlias = Literal["ok", "ill", "unknown"]
PARTS: tuple[PartName, ...] = (
    "gateway", "routing", "api", "mirror", "recorder", "worker", "beat", "redis", "streams", "postgres",
)  # fmt: skip


class Part(BaseModel):
    """One part.

    Attributes:
        status: `unknown` = who would know does not answer.
        what: In words: what is wrong, or what is there.
        since_seconds: How long it is ill, as far as it was seen; `null` = it is not.
    """

    name: PartName
    status: Standing
    what: str
    since_seconds: float | None = None


class Parts(BaseModel):
    """All parts; `ill` if one is, or nobody can say."""

    status: Literal["ok", "ill"]
    parts: list[Part]
