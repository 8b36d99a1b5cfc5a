"""The simulated incumbent and candidate: they answer simulated cases as the truth says, and anything else politely."""

import json
from dataclasses import dataclass, replace
from typing import Any

from app.domain.exchange import Json
from app.domain.words import FailureKind
from app.simulator.assistant import CANDIDATE, INCUMBENT, case_and_turn, prompt_tokens, reply_text, text_of, tokens_in
from app.simulator.completions import Answer, Refusal, usage_body
from app.simulator.draws import lognormal, one_of, uniform
from app.simulator.faults import REFUSALS, Fault
from app.simulator.truth import outcome_of

_WORDS = ("the order", "our team", "a new date", "the delivery", "your account", "the appliance", "an answer", "the invoice")
_DEEP = 6


@dataclass(frozen=True, slots=True)
class Tempo:
    """How fast an arm answers: medians of the time to the first token and of tokens per second, with their spreads."""

    seconds_to_first: float
    first_spread: float
    tokens_per_second: float
    rate_spread: float


TEMPO = {INCUMBENT: Tempo(0.42, 0.45, 95.0, 0.25), CANDIDATE: Tempo(0.21, 0.35, 62.0, 0.15)}


@dataclass(frozen=True, slots=True)
class SimulatedModel:
    """One arm of the simulated world.

    Attributes:
        arm: `"incumbent"` or `"candidate"`.
        model: The id it answers to.
        seed: Of the world; the history and both arms must share it.
        speedup: Divides the arm's own times; `None` = no waiting at all.
        reasoning_words: Length of the reasoning before each answer.
    """

    arm: str
    model: str
    seed: int = 0
    speedup: float | None = None
    reasoning_words: int = 0

    def answer(self, request: Json) -> Answer | Refusal:
        """Answers a simulated case as the truth says; a case that the truth lets fail gets an error."""
        known = case_and_turn(request["messages"])
        if known is not None and _fails(self.seed, *known, self.arm):
            return REFUSALS[Fault.UNAVAILABLE]
        if known is not None:
            return self._timed(self._answer(request, reply_text(self.seed, *known, self.arm)), known)
        return self._stranger(request)

    def _stranger(self, request: Json) -> Answer:
        """An answer to a request that is not of this world: right in form, drawn from the request's text."""
        key = (self.seed, self.arm, json.dumps(request["messages"], sort_keys=True))
        tool = _tool_to_call(request)
        if tool is not None:
            arguments = json.dumps(instance_of(tool.get("parameters") or {}, key))
            call = {"id": f"call_{int(uniform(*key) * 10**12):012d}", "type": "function"}
            function = {"name": tool["name"], "arguments": arguments}
            return self._answer(request, None, (call | {"function": function},))
        schema = ((request.get("response_format") or {}).get("json_schema") or {}).get("schema")
        if schema is not None:
            return self._answer(request, json.dumps(instance_of(schema, key)))
        return self._answer(
            request, f"Thank you. We look into {one_of(_WORDS, *key)} and tell you about {one_of(_WORDS, key)}."
        )

    def _answer(self, request: Json, content: str | None, tool_calls: tuple[Json, ...] = ()) -> Answer:
        said = (content or "") + "".join(call["function"]["arguments"] for call in tool_calls)
        reasoning = " ".join(one_of(_WORDS, index) for index in range(self.reasoning_words))
        thought = tokens_in(reasoning) if reasoning else 0
        usage = usage_body(prompt_tokens(request["messages"]), tokens_in(said) + thought, thought)
        finish = "tool_calls" if tool_calls else "stop"
        return Answer(content, self.model, tool_calls, finish, usage, reasoning or None)

    def _timed(self, answer: Answer, known: tuple[int, int]) -> Answer:
        if self.speedup is None:
            return answer
        first, rate = tempo_of(self.seed, *known, self.arm)
        return replace(answer, seconds_to_first=first / self.speedup, tokens_per_second=rate * self.speedup)


def tempo_of(seed: int, case: int, turn: int, arm: str) -> tuple[float, float]:
    """Seconds to the first token and tokens per second of an arm's reply in one turn."""
    tempo = TEMPO[arm]
    return (
        lognormal(tempo.seconds_to_first, tempo.first_spread, seed, case, turn, arm, "first"),
        lognormal(tempo.tokens_per_second, tempo.rate_spread, seed, case, turn, arm, "rate"),
    )


def _fails(seed: int, case: int, turn: int, arm: str) -> FailureKind | None:
    outcome = outcome_of(seed, case, turn)
    return outcome.incumbent_failure if arm == INCUMBENT else outcome.candidate_failure


def _tool_to_call(request: Json) -> Json | None:
    """The tool that a model would call: the one asked for, else the first, unless a tool has answered already."""
    tools: list[Json] = [tool["function"] for tool in request.get("tools") or () if tool.get("type") == "function"]
    choice = request.get("tool_choice", "auto")
    if not tools or choice == "none" or request["messages"][-1].get("role") == "tool":
        return None
    if isinstance(choice, dict):
        wanted = choice.get("function", {}).get("name")
        return next((tool for tool in tools if tool["name"] == wanted), tools[0])
    return tools[0] if choice == "required" or text_of(request["messages"][-1]) else None


def instance_of(schema: Json, key: tuple[object, ...], depth: int = 0) -> Any:
    """A small document that a JSON schema of the usual kind accepts; drawn by the key."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return one_of(schema["enum"], *key)
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return instance_of(options[0], key, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return _of_kind(kind[0] if isinstance(kind, list) else kind, schema, key, depth)


def _of_kind(kind: str, schema: Json, key: tuple[object, ...], depth: int) -> Any:
    if kind == "object":
        properties = schema.get("properties") or {}
        return {name: instance_of(part, (*key, name), depth + 1) for name, part in properties.items() if depth < _DEEP}
    if kind == "array":
        count = max(1, schema.get("minItems", 1)) if depth < _DEEP else schema.get("minItems", 0)
        return [instance_of(schema.get("items") or {}, (*key, index), depth + 1) for index in range(count)]
    low = schema.get("minimum", 0)
    drawn = {
        "integer": low + int(uniform(*key) * (schema.get("maximum", low + 9) - low + 1)),
        "number": low + round(uniform(*key) * (schema.get("maximum", low + 9) - low), 2),
        "boolean": uniform(*key) < 0.5,  # noqa: PLR2004
        "null": None,
    }
    return drawn.get(kind, one_of(_WORDS, *key))
