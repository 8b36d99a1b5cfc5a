"""What was measured of both replies of a pair, and what was changed in the request before the candidate was asked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from app.domain.exchange import Json
from app.graders.canonical import canonical_json
from app.pipeline.pair_view import PairView
from app.reports import figures
from app.reports.wording import FAILURE_KINDS, plain
from app.store.pair_facts import StoredReplyFacts

ACTIONS = {"renamed": "renamed", "dropped": "left out", "changed": "changed"}


@dataclass(frozen=True, slots=True)
class Measured:
    """One fact of both replies."""

    name: str
    incumbent: str
    other: str


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the adaptation log."""

    parameter: str
    what: str
    why: str


def _result(failure: str | None) -> str:
    return "answered" if failure is None else plain(failure, FAILURE_KINDS)


def _word(value: Any) -> str:
    return figures.NOTHING if value is None else str(value)


def _price(value: Any) -> str:
    return figures.UNKNOWN if value is None else f"${value:.6f}"


FACTS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("failure", "Result", _result),
    ("status", "HTTP status", _word),
    ("finish_reason", "Finish reason", _word),
    ("model", "Model, as the server says", _word),
    ("service_tier", "Service tier", _word),
    ("source", "Came by", _word),
    ("ttft_any_seconds", "First token of any kind", figures.seconds),
    ("ttft_visible_seconds", "First visible token", figures.seconds),
    ("total_seconds", "Whole answer", figures.seconds),
    ("queue_lag_seconds", "Waited in our queue, not counted", figures.seconds),
    ("input_tokens", "Input tokens", figures.count),
    ("cached_input_tokens", "of them cached", figures.count),
    ("output_tokens", "Output tokens", figures.count),
    ("reasoning_tokens", "of them reasoning", figures.count),
    ("content_chars", "Characters of the answer", figures.count),
    ("cost_usd", "Price by the token", _price),
)


def measured(view: PairView) -> list[Measured]:
    """What was measured of both replies; what nobody knows of either is left out."""
    return list(_known(view.incumbent, view.other))


def changes(facts: StoredReplyFacts | None) -> list[Change]:
    """What was changed in the request before this arm's server was asked."""
    return [_change(entry) for entry in (facts.adaptation if facts is not None else [])]


def _known(incumbent: StoredReplyFacts | None, other: StoredReplyFacts | None) -> Iterator[Measured]:
    for name, title, words in FACTS:
        sides = [figures.UNKNOWN if facts is None else words(getattr(facts, name)) for facts in (incumbent, other)]
        if set(sides) - {figures.UNKNOWN, figures.NOTHING}:
            yield Measured(title, sides[0], sides[1])


def _change(entry: Json) -> Change:
    what = ACTIONS.get(str(entry.get("action")), str(entry.get("action")))
    before, after = entry.get("from"), entry.get("to")
    told = f"{what}: {_value(before)}" + (f" → {_value(after)}" if after is not None else "")
    has_values = before is not None or after is not None
    return Change(str(entry.get("parameter")), told if has_values else what, str(entry.get("why") or ""))


def _value(value: Any) -> str:
    return value if isinstance(value, str) else canonical_json(value)
