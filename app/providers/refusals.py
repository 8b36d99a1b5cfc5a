"""Servers that refuse a parameter by name are asked again without it, and that is remembered."""

import re

from app.domain.exchange import Json
from app.providers.adaptation import drop, rename
from app.providers.model_server import Adaptation, Target

REFUSAL_STATUSES = frozenset({400, 422})

# A refusal of the parameter itself; not of its value, e.g. of a max_tokens that is larger than the model's context.
_REFUSED = re.compile(
    r"unsupported|not supported|unrecogni[sz]ed|unknown|unexpected|extra (inputs|fields)|not permitted|forbidden"
    r"|not allowed|does not support|cannot be (set|used|specified)|unused",
    re.IGNORECASE,
)

# Leaving these out changes nothing of what a good reply is.
HARMLESS = (
    "stream_options", "metadata", "store", "user", "service_tier", "prompt_cache_key", "prompt_cache_retention",
    "safety_identifier", "parallel_tool_calls", "truncation",
)  # fmt: skip
RENAMED = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}


def refused_parameters(status: int | None, text: str, sent: Json) -> frozenset[str]:
    """The parameters of the request that the server refuses by name and that can be spared or renamed."""
    if status not in REFUSAL_STATUSES or not _REFUSED.search(text):
        return frozenset()
    return frozenset(name for name in (*HARMLESS, *RENAMED) if name in sent and names(text, name))


def names(text: str, parameter: str) -> bool:
    """Whether a text speaks of a parameter."""
    return re.search(rf"(?<!\w){re.escape(parameter)}(?!\w)", text) is not None


def is_ours(text: str, adaptations: list[Adaptation]) -> bool:
    """Whether a refusal speaks of something that our adaptation touched."""
    touched = {entry.parameter.split(".")[-1] for entry in adaptations if entry.parameter != "model"}
    touched |= {entry.after for entry in adaptations if entry.action == "renamed"}
    return any(names(text, parameter) for parameter in touched)


class Refusals:
    """What each server has refused so far in this process."""

    def __init__(self) -> None:
        self._by_server: dict[tuple[str, str], frozenset[str]] = {}

    def add(self, target: Target, parameters: frozenset[str]) -> None:
        """Remembers refusals."""
        self._by_server[_key(target)] = self._by_server.get(_key(target), frozenset()) | parameters

    def apply(self, sent: Json, target: Target) -> list[Adaptation]:
        """Changes the request in place so that nothing in it has been refused, where that can be; gives the log."""
        refused = self._by_server.get(_key(target), frozenset())
        log: list[Adaptation] = []
        for parameter in sorted(refused):
            if parameter in HARMLESS:
                log += drop(sent, parameter, "the server refused it")
            elif RENAMED[parameter] not in refused:
                log += rename(sent, parameter, RENAMED[parameter], "the server refused the other name")
        return log


def _key(target: Target) -> tuple[str, str]:
    return target.base_url, target.model
