"""What a check is: a rule that finds something in one reply, or does not apply to it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from app.domain.exchange import Json, Reply

Applies = Callable[[Json, Reply], bool]
Finds = Callable[[Json, Reply], str | None]


@dataclass(frozen=True, slots=True)
class Check:
    """A rule about one reply.

    Attributes:
        name: Stable short name; the user's own begin with `own:`.
        version: Another one finds other things: what was found under different versions is never mixed.
        applies: Whether there is something to look at in the reply to that request.
        find: What is wrong with the reply, in a few words; `None` = nothing. Asked only where the check applies.
        segment: The only segment that it is about; `None` = all.
    """

    name: str
    version: str
    applies: Applies
    find: Finds
    segment: str | None = None

    @classmethod
    def of(cls, module: ModuleType) -> "Check":
        """The check that a module of this package is."""
        return cls(module.NAME, module.VERSION, module.applies, module.find)

    @property
    def label(self) -> str:
        """Name and version: what a stored finding is known by."""
        return f"{self.name}@{self.version}"


def digest_of(*parts: str) -> str:
    """A short name for a definition: another definition has another one."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:8]
