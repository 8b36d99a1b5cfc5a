"""What one call to a model server takes and gives."""

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pydantic import SecretStr

from app.domain.exchange import Failure, Json, Reply, Usage
from app.domain.requests import CHAT
from app.domain.toml_table import Server


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to ask.

    Attributes:
        base_url: Address up to and with `/v1`; only http and https are asked.
        model: What the request's `model` is replaced with.
        server: Which adaptation table counts.
        api_key: Sent as a bearer token; never logged.
        timeout_seconds: For the whole call, from its start to the last byte.
        strip_think: `<think>…</think>` inside the content is reasoning.
    """

    base_url: str
    model: str
    server: Server = "openai"
    api_key: SecretStr | None = None
    timeout_seconds: float = 120.0
    strip_think: bool = False


@dataclass(frozen=True, slots=True)
class Adaptation:
    """One difference between the recorded request and the one that was sent, and why."""

    parameter: str
    action: Literal["renamed", "dropped", "changed"]
    before: Any
    after: Any
    why: str

    def as_json(self) -> Json:
        """The entry of the log that is stored beside the reply."""
        return {"parameter": self.parameter, "action": self.action, "from": self.before, "to": self.after, "why": self.why}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one call; a server's misbehaviour is a `Failure`, never an exception.

    Attributes:
        reply: The reply or why there is none.
        adaptations: What was renamed, dropped or changed in the request that got this reply.
        model: The server's own name of the model that answered.
        fingerprint: What the server calls its own configuration.
        usage: Token counts, also of an answer that is unusable: it was paid for.
        lag_seconds: The largest event-loop lag at a measured moment; above `LAG_LIMIT_SECONDS` the times are not
            to be trusted.
        retry_after_seconds: What the server asked for in `Retry-After`.
        calls: HTTP requests it took: more than one if the server refused a parameter and was asked again without it.
        response_id: The reply's own id at the server.
        sent_at: When the last request byte was handed to the socket, by `timing.now`; the reply's times count from there.
    """

    reply: Reply | Failure
    adaptations: tuple[Adaptation, ...] = ()
    model: str | None = None
    usage: Usage = field(default_factory=Usage)
    lag_seconds: float | None = None
    retry_after_seconds: float | None = None
    calls: int = 1
    fingerprint: str | None = None
    sent_at: float | None = None
    response_id: str | None = None


class ModelServers(Protocol):
    """Anything that can be asked what production asked."""

    async def ask(self, request: Json, target: Target, *, stream: bool, path: str = CHAT) -> Answer:
        """Asks once, under a path of `app.domain.requests`; waits at most `target.timeout_seconds`."""
        ...
