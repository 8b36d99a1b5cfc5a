"""What makes a command end early.

CommandFailed            exit 1   the service or a file said no; carries problems
├─ ServiceUnreachable    exit 1
└─ WrongUse              exit 2   the command was called wrongly
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input, as the service names it."""

    message: str
    field: str | None = None
    line: int | None = None

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "Problem":
        """A problem of an error's body."""
        return cls(str(body.get("message", "")), body.get("field"), body.get("line"))


class CommandFailed(Exception):
    """It did not work; the text says why, for people."""

    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        problems: tuple[Problem, ...] = (),
        file: str | None = None,
        status: int | None = None,
        facts: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.problems = problems
        self.file = file
        self.status = status
        self.facts = facts or {}


class ServiceUnreachable(CommandFailed):
    """No answer came."""


class WrongUse(CommandFailed):
    """The command was called wrongly."""

    exit_code = 2
