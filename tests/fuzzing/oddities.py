"""Who asks odd things of a web process, and what was wrong with its answers."""

import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

SERVER_ERROR = 500


@dataclass
class Tried:
    """What was asked and what was wrong with the answers."""

    calls: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    server_errors: dict[str, str] = field(default_factory=dict)
    violations: dict[str, str] = field(default_factory=dict)

    def note(self, found: dict[str, str], name: str, words: str) -> None:
        """Keeps the first of a kind, and says it at once."""
        if name not in found:
            found[name] = words
            sys.stderr.write(f"{name}\n    {words}\n")


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        headers: Sent with each request.
        real: Values of parameters of paths that exist.
    """

    name: str
    headers: dict[str, str]
    real: dict[str, list[Any]]
