"""Asks a model that grades: one question in, one call's outcome out, whatever the server does (CONTRACTS section 6)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Generic

import aiohttp
import orjson

from app.domain.exchange import Json, Usage
from app.graders.grade import Ungraded
from app.graders.question import OBJECT_FORMAT, AnswerT, Question
from app.providers.draft import cut, error_text, repaired
from app.providers.reading import retry_after
from app.providers.refusals import REFUSAL_STATUSES, names, refused_parameters
from app.providers.usage import usage_of

# What a server adds to each message (roles, separators), in tokens, generously.
_FRAME_TOKENS = 32
# Refusals that may be due to a response format which the server does not know.
_FORMAT_REFUSALS = frozenset({400, 404, 415, 422, 501})
_NO_ROOM = frozenset({429, 503, 529})
# A proxy has lost the answer of a server that may have worked for it.
_LOST = frozenset({502, 504, 520, 524})
# The names of the bound of an answer: servers know the first, vendors' newer models only the second.
LIMIT_NAMES = ("max_tokens", "max_completion_tokens")
_OK = 200
_SERVER_ERROR = 500
UNPARSED = "unparsed"
# The answer was cut off by its bound before it said anything certain: judge.max_output_tokens is too small for this judge.
CUT_OFF = "cut_off"


@dataclass(frozen=True, slots=True)
class JudgeTarget:
    """Where the judge is and how it is asked; `temperature` None = not sent, `max_output_tokens` None = unbounded."""

    base_url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    temperature: float | None = None
    timeout_seconds: float = 120.0
    reply_bytes: int = 8 * 1024 * 1024
    max_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class JudgeCall(Generic[AnswerT]):
    """What came of one call.

    Attributes:
        outcome: The answer, or why there is none.
        usage: Token counts, as far as the server said them.
        is_worth_a_retry: Whether the same call may end otherwise.
        is_without_room: The server has no room now: it is given time, and the call is not counted as an attempt.
        retry_after_seconds: How long the server asked to wait.
        is_billed: Whether the server has, or may have, worked for it; a refused call is free.
        model: The model that the server says it used.
    """

    outcome: AnswerT | Ungraded
    usage: Usage = field(default_factory=Usage)
    is_worth_a_retry: bool = False
    is_without_room: bool = False
    retry_after_seconds: float | None = None
    is_billed: bool = True
    model: str | None = None

    @property
    def message(self) -> str:
        """What is wrong, for people; "" if nothing is."""
        return self.outcome.message if isinstance(self.outcome, Ungraded) else ""


def most_input_tokens(question: Question[Any], messages: list[Json]) -> int:
    """No fewer tokens than the call has: tokenizers make at most one of each byte, and codes and rare scripts come near it."""
    said = sum(len(message["content"].encode()) + _FRAME_TOKENS for message in messages)
    return said + len(orjson.dumps(question.schema_format))


@asynccontextmanager
async def open_judge(target: JudgeTarget) -> AsyncIterator["JudgeClient"]:
    """A client for the running event loop; the caller bounds how many calls are in flight."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=target.timeout_seconds),
        trust_env=False,
        headers={"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "parallel-pilot"},
    ) as session:
        yield JudgeClient(session, target)


class JudgeClient:
    """Asks one judge. It remembers whether its server takes JSON schemas, and under which name a bound of the answer."""

    def __init__(self, session: aiohttp.ClientSession, target: JudgeTarget) -> None:
        self._session = session
        self._target = target
        self._url = f"{target.base_url}/chat/completions"
        self._headers = {"Authorization": f"Bearer {target.api_key}"} if target.api_key else {}
        self._takes_schemas: bool | None = None
        self._limit_names: tuple[str, ...] = LIMIT_NAMES if target.max_output_tokens is not None else ()

    @property
    def base_url(self) -> str:
        """Whom it asks."""
        return self._target.base_url

    async def ask(self, question: Question[AnswerT], messages: list[Json] | None = None) -> JudgeCall[AnswerT]:
        """One call; never raises for a server's behaviour.

        A server that refuses the JSON schema is asked again at once for a JSON object, and from then on at first; one that
        refuses the bound of the answer is asked with its other name, at last without.

        Args:
            question: What is asked.
            messages: Those that the question builds, if the caller has them already; used for one call.
        """
        limit = self._limit_names[0] if self._limit_names else None
        status, call = await self._ask(question, messages or question.build(), limit)
        if status not in REFUSAL_STATUSES or limit is None or not _speaks_of(call, limit):
            return call
        if refused_parameters(status, call.message, {limit: 1}):
            self._limit_names = tuple(name for name in self._limit_names if name != limit)
            return await self.ask(question)
        return (await self._ask(question, question.build(), None))[1]  # too long for the model's context: that bounds it too

    async def _ask(
        self, question: Question[AnswerT], messages: list[Json], limit: str | None
    ) -> tuple[int | None, JudgeCall[AnswerT]]:
        if self._takes_schemas is not False:
            status, call = await self._call(question, messages, question.schema_format, limit)
            is_of_limit = limit is not None and _speaks_of(call, limit)
            if self._takes_schemas or status not in _FORMAT_REFUSALS or is_of_limit:
                self._takes_schemas = self._takes_schemas or status == _OK or None
                return status, call
            messages = question.build()  # no delimiter is used twice
        status, call = await self._call(question, messages, OBJECT_FORMAT, limit)
        if status == _OK:
            self._takes_schemas = False
        return status, call

    async def _call(
        self, question: Question[AnswerT], messages: list[Json], response_format: Json, limit: str | None
    ) -> tuple[int | None, JudgeCall[AnswerT]]:
        body: Json = {"model": self._target.model, "messages": messages, "response_format": response_format}
        if self._target.temperature is not None:
            body["temperature"] = self._target.temperature
        if limit is not None:
            body[limit] = self._target.max_output_tokens
        try:
            async with self._session.post(
                self._url, data=orjson.dumps(body), headers=self._headers, allow_redirects=False
            ) as response:
                raw = await self._read(response)
                return response.status, _read_response(question, response, raw)
        except TimeoutError:
            return None, _failed("timeout", f"no answer within {self._target.timeout_seconds:g} s")
        except aiohttp.ClientConnectorError as error:
            return None, _failed("connection", str(error), is_billed=False)
        except aiohttp.ClientError as error:
            return None, _failed("connection", f"{type(error).__name__}: {error}")

    async def _read(self, response: aiohttp.ClientResponse) -> bytes | None:
        """The body; `None` if it is longer than is read."""
        raw = bytearray()
        async for chunk in response.content.iter_any():
            raw += chunk
            if len(raw) > self._target.reply_bytes:
                response.close()
                return None
        return bytes(raw)


def _read_response(question: Question[AnswerT], response: aiohttp.ClientResponse, raw: bytes | None) -> JudgeCall[AnswerT]:
    if response.status != _OK:
        return _refused(response, raw)
    if raw is None:
        return _failed("too_large", "the answer is longer than is read")
    try:
        document = orjson.loads(raw)
        message = document["choices"][0]["message"]
        content, refusal = message.get("content"), message.get("refusal")
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
        return _failed("malformed", f"not a chat completion: {raw[:200]!r}", usage=_usage_in(raw))
    model = document.get("model")
    outcome = _outcome(question, content, refusal, document["choices"][0].get("finish_reason"))
    return JudgeCall(
        outcome,
        usage_of(document.get("usage")),
        is_worth_a_retry=isinstance(outcome, Ungraded) and outcome.reason in (UNPARSED, CUT_OFF),
        model=repaired(model)[:200] if isinstance(model, str) else None,
    )


def _outcome(question: Question[AnswerT], content: Any, refusal: Any, finish_reason: Any) -> AnswerT | Ungraded:
    text = _text(content)
    if not text and (isinstance(refusal, str) or finish_reason == "content_filter"):
        return Ungraded("refused", cut(refusal if isinstance(refusal, str) else "content filter"))
    answer = question.parse(text)
    if answer is not None:
        return answer
    return Ungraded(CUT_OFF if finish_reason == "length" else UNPARSED, cut(text))


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _refused(response: aiohttp.ClientResponse, raw: bytes | None) -> JudgeCall[Any]:
    try:
        said = error_text(orjson.loads(raw or b""))
    except orjson.JSONDecodeError:
        said = (raw or b"").decode("utf-8", "replace")
    status = response.status
    return JudgeCall(
        Ungraded(f"http_{status}", cut(said)),
        is_worth_a_retry=status >= _SERVER_ERROR or status in {408, 409, 425, 429},
        is_without_room=status in _NO_ROOM,
        retry_after_seconds=retry_after(response.headers.get("Retry-After")),
        usage=(usage := _usage_in(raw)),
        is_billed=status in _LOST or usage.input_tokens is not None,
    )


def _failed(reason: str, message: str, *, is_billed: bool = True, usage: Usage | None = None) -> JudgeCall[Any]:
    return JudgeCall(Ungraded(reason, cut(message)), usage or Usage(), is_worth_a_retry=True, is_billed=is_billed)


def _usage_in(raw: bytes | None) -> Usage:
    """The token counts of an answer that is of no use: what was counted is paid."""
    try:
        document = orjson.loads(raw or b"")
    except orjson.JSONDecodeError:
        return Usage()
    return usage_of(document.get("usage")) if isinstance(document, dict) else Usage()


def _speaks_of(call: JudgeCall[Any], parameter: str) -> bool:
    return names(call.message, parameter)
