"""The import line (CONTRACTS section 4) as types: what may be given, of which kind, within which bounds.

Plain dictionaries come out, with the keys that were given and no others: absent is not the same as a default.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NotRequired, Required

import orjson
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, TypeAdapter, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

OLDEST, NEWEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
MOST_TOKENS = 2**31 - 1
DAY_SECONDS = 86_400.0
_FORM = ConfigDict(extra="forbid", strict=True)


def _refuse(code: str, message: str) -> PydanticCustomError:
    return PydanticCustomError(code, "{text}", {"text": message})


def _moment(value: Any) -> datetime:
    if not isinstance(value, str):
        code = "wrong_type"
        raise _refuse(code, "must be an ISO 8601 time in quotes, such as '2026-11-02T10:00:00Z'")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        code = "not_a_time"
        raise _refuse(code, "must be an ISO 8601 time, such as '2026-11-02T10:00:00Z'") from None
    if moment.tzinfo is None:
        code = "no_zone"
        raise _refuse(code, "has no time zone: end it with 'Z' or an offset such as '+01:00'")
    if not OLDEST <= moment < NEWEST:
        code = "out_of_range"
        raise _refuse(code, "must be a time from 2000 to 2099")
    return moment.astimezone(UTC)


def _usage(value: dict[str, Any]) -> dict[str, Any]:
    """The server's own object, verbatim; what we read from it must be what it seems to be."""
    prompt = _tokens(value, "prompt_tokens", "input_tokens")
    _tokens(value, "completion_tokens", "output_tokens", "total_tokens", "cache_read_input_tokens")
    _tokens(value, "cache_creation_input_tokens", "prompt_cache_hit_tokens")
    for name in ("prompt_tokens_details", "input_tokens_details", "completion_tokens_details", "output_tokens_details"):
        details = value.get(name)
        if details is not None and not isinstance(details, dict):
            code = "wrong_type"
            raise _refuse(code, f"{name} must be an object")
        cached = _tokens(details or {}, "cached_tokens", "reasoning_tokens")
        if name.startswith(("prompt", "input")) and cached is not None and prompt is not None and cached > prompt:
            code = "out_of_range"
            raise _refuse(code, "cached_tokens is more than all prompt tokens: cached tokens count inside them")
    return value


def _tokens(counts: dict[str, Any], *names: str) -> int | None:
    """The first count of these names; every one of them must be one."""
    found = None
    for name in names:
        count = counts.get(name)
        if count is None:
            continue
        if type(count) is not int or not 0 <= count <= MOST_TOKENS:
            code = "out_of_range" if type(count) is int else "wrong_type"
            raise _refuse(code, f"{name} must be a whole number of tokens from 0")
        found = count if found is None else found
    return found


def _reference(value: Any) -> str:
    """Text as it is; an object as JSON in the one form that is hashed and compared."""
    if isinstance(value, dict):
        value = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    if not isinstance(value, str):
        code = "wrong_type"
        raise _refuse(code, "must be text in quotes or an object: an answer that is known to be right")
    if not value.strip():
        code = "wrong_length"
        raise _refuse(code, "must not be empty: leave it out where there is none")
    return value


Moment = Annotated[datetime, BeforeValidator(_moment)]
Reference = Annotated[str, BeforeValidator(_reference)]
Id = Annotated[str, Field(min_length=1, max_length=500)]
ShortText = Annotated[str, Field(min_length=1, max_length=200)]
Probability = Annotated[float, Field(gt=0, le=1)]
PreferenceValue = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=DAY_SECONDS)]
Failing = Literal["timeout", "http", "connection", "empty", "malformed", "too_large", "unavailable"]


@with_config(_FORM)
class Function(TypedDict):
    """What a tool call calls; `arguments` is the text that the model wrote."""

    name: Annotated[str, Field(min_length=1)]
    arguments: str


@with_config(_FORM)
class CalledTool(TypedDict):
    """A tool call in the shape of Chat Completions."""

    function: Function
    id: NotRequired[str | None]
    type: NotRequired[Literal["function"]]
    index: NotRequired[int | None]


@with_config(_FORM)
class GivenReply(TypedDict, total=False):
    """One arm's answer, or its failure."""

    content: str | None
    tool_calls: list[CalledTool] | None
    failure: Failing | None
    status: Annotated[int, Field(ge=100, le=599)] | None
    message: Annotated[str, Field(max_length=10_000)] | None
    finish_reason: ShortText | None
    model: ShortText | None
    reasoning: str | None
    usage: Annotated[dict[str, Any], AfterValidator(_usage)] | None
    service_tier: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,39}$")] | None
    ttft_any_seconds: Seconds | None
    ttft_visible_seconds: Seconds | None
    total_seconds: Seconds | None


@with_config(_FORM)
class GivenPreference(TypedDict, total=False):
    """What a judge or a person preferred."""

    arm: Required[str]
    by: Required[Literal["judge", "person"]]
    rater: Required[ShortText]
    shown_first: str | None
    value: PreferenceValue | None
    ungraded: ShortText | None
    skipped: ShortText | None
    reason: Annotated[str, Field(max_length=100_000)] | None
    critical: bool | None
    draw_probability: Probability | None
    at: Moment | None


@with_config(_FORM)
class GivenLine(TypedDict):
    """One exchange."""

    arrived_at: Moment
    request: dict[str, Any]
    replies: dict[str, GivenReply]
    exchange_id: NotRequired[Id | None]
    conversation_id: NotRequired[Id | None]
    turn: NotRequired[Annotated[int, Field(ge=0, le=2**31 - 1)] | None]
    segment: NotRequired[str | None]
    inclusion_probability: NotRequired[Probability | None]
    reference: NotRequired[Reference | None]
    preferences: NotRequired[list[GivenPreference] | None]


LINE: TypeAdapter[GivenLine] = TypeAdapter(GivenLine)
