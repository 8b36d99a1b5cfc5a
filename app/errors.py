"""Everything that the service refuses or fails at, with a stable `code` and the facts.

ServiceError                             what `api/error_handlers.py` maps to a status
├─ InvalidInput              422         a file, a configuration or an argument; carries its problems
├─ NotFound                  404
├─ Conflict                  409         the state does not allow it (e.g. starting a running pilot)
├─ NotAuthenticated          401
├─ NotPermitted              403
├─ TooManyAttempts           429         to sign in; says when to try again
├─ BudgetExceeded            409
├─ UnknownPrice              409         a paid call whose price is unknown is refused
├─ TextKeyMissing            503         stored texts cannot be read or written: their key is not there
├─ TextsShredded             409         a pilot's texts were made unreadable for good
└─ ProviderError                         talking to a model server
   ├─ TransientProviderError 503         worth a retry: timeout, 429, 5xx
   └─ PermanentProviderError 502         not worth one: auth, bad request
StackError                               the local stack cannot be started; for people at a terminal
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input.

    Attributes:
        message: What is wrong and what is allowed, in one sentence.
        field: Dotted path of the key, e.g. `candidate[0].server`; `None` if it is the whole.
        line: 1-based line in the file, if it is known.
        code: Stable short name of the kind of problem.
    """

    message: str
    field: str | None = None
    line: int | None = None
    code: str = "invalid"


class ServiceError(Exception):
    """Base of all that the service says no to."""

    code = "service_error"

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts


class InvalidInput(ServiceError):
    """The input is wrong; nothing of it was kept."""

    code = "invalid_input"

    def __init__(self, message: str, problems: tuple[Problem, ...] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.problems = problems


class NotFound(ServiceError):
    """There is no such thing."""

    code = "not_found"


class Conflict(ServiceError):
    """The present state does not allow it."""

    code = "conflict"


class NotAuthenticated(ServiceError):
    """No key, or one that is unknown or revoked."""

    code = "not_authenticated"


class NotPermitted(ServiceError):
    """The key's role does not allow it."""

    code = "not_permitted"


class TooManyAttempts(ServiceError):
    """Too many attempts to sign in; the next one has a chance after `retry_after_seconds`."""

    code = "too_many_attempts"

    def __init__(self, message: str, *, retry_after_seconds: float, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.retry_after_seconds = retry_after_seconds


class MustChangePassword(NotPermitted):
    """The person's password was set by an admin: another one has to be chosen first."""

    code = "must_change_password"


class BudgetExceeded(ServiceError):
    """The next paid call would go over the pilot's budget."""

    code = "budget_exceeded"


class UnknownPrice(ServiceError):
    """A paid call whose price nobody knows is refused."""

    code = "unknown_price"


class TextKeyMissing(ServiceError):
    """The key of stored texts is not there, or another one: nothing is lost, and nothing can be read or written."""

    code = "text_key_missing"


class TextsShredded(Conflict):
    """The pilot's texts were made unreadable for good."""

    code = "texts_shredded"


class ProviderError(ServiceError):
    """Talking to a model server did not work."""

    code = "provider_error"


class TransientProviderError(ProviderError):
    """Worth a retry after `retry_after_seconds`, if the server said so."""

    code = "provider_unavailable"

    def __init__(self, message: str, *, retry_after_seconds: float | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.retry_after_seconds = retry_after_seconds


class PermanentProviderError(ProviderError):
    """Not worth a retry."""

    code = "provider_refused"


class StackError(Exception):
    """The local stack cannot do what was asked; the text says what and which setting."""
