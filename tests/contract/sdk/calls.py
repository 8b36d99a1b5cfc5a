"""Calls of the official Python SDK (1.x, 2.x, 3.x); prints what came of them as one line of JSON.

    calls.py BASE_URL [SERVICE_URL [DIRECT_FALLBACK]]

With a SERVICE_URL the calls go through `parallel_pilot.shadow_transport`. Runs with nothing installed but the SDK.
`user` names the script that the vendor follows.
"""

import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

KEY = "sk-contract-key-0123456789"
MESSAGES: list[Any] = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Where is order 7? Grüße 🎈"}]
PARAMETERS = {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}
TOOL: Any = {"type": "function", "function": {"name": "look_up", "parameters": PARAMETERS}}
FLAT_TOOL: Any = {"type": "function", "name": "look_up", "parameters": PARAMETERS, "strict": False}
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "date"}  # and the one that no two replies share


class Ticket(BaseModel):
    """A structured answer."""

    subject: str
    urgent: bool


def dumped(value: Any) -> Any:
    return value.model_dump(mode="json", exclude_unset=True)


def headers_of(response: Any) -> list[list[str]]:
    items = response.headers.multi_items()
    return sorted([name.lower(), value] for name, value in items if name.lower() not in HOP_BY_HOP)


def chat(client: OpenAI, user: str = "chat", **more: Any) -> Any:
    raw = client.chat.completions.with_raw_response.create(model="sim", messages=MESSAGES, user=user, **more)
    return {"headers": headers_of(raw), "request_id": raw.request_id, "reply": dumped(raw.parse())}


def stream(client: OpenAI, user: str = "stream") -> Any:
    options: Any = {"include_usage": True}
    with client.chat.completions.create(
        model="sim", messages=MESSAGES, user=user, stream=True, stream_options=options
    ) as chunks:
        return {"headers": headers_of(chunks.response), "chunks": [dumped(chunk) for chunk in chunks]}


def tools(client: OpenAI) -> Any:
    with client.chat.completions.stream(model="sim", messages=MESSAGES, tools=[TOOL], user="tools") as running:
        events = [event.type for event in running]
        message = running.get_final_completion().choices[0].message
    call = (message.tool_calls or [])[0]
    answer: Any = {"role": "tool", "tool_call_id": call.id, "content": "on its way"}
    asked = [*MESSAGES, message.model_dump(include={"role", "content", "tool_calls"}), answer]
    after = client.chat.completions.create(model="sim", messages=asked, tools=[TOOL], user="tools")
    return {"events": events, "call": dumped(call), "after": dumped(after)}


def structured(client: OpenAI) -> Any:
    parsed = client.chat.completions.parse(model="sim", messages=MESSAGES, response_format=Ticket, user="structured")
    return dumped(parsed.choices[0].message.parsed)


def responses(client: OpenAI) -> Any:
    raw = client.responses.with_raw_response.create(model="sim", input="Hello", instructions="Be kind.", user="responses")
    parsed = client.responses.parse(model="sim", input="Hello", text_format=Ticket, user="responses")
    return {"headers": headers_of(raw), "reply": dumped(raw.parse()), "parsed": dumped(parsed.output_parsed)}


def responses_stream(client: OpenAI) -> Any:
    with client.responses.create(model="sim", input="Hello", stream=True, user="responses-stream") as events:
        plain = [dumped(event) for event in events]
    with client.responses.stream(model="sim", input="Hello", tools=[FLAT_TOOL], user="responses-stream") as running:
        kinds = [event.type for event in running]
        final = running.get_final_response()
    return {"events": plain, "kinds": kinds, "final": [dumped(item) for item in final.output]}


def completions(client: OpenAI) -> Any:
    whole = client.completions.create(model="sim", prompt="Once upon a time", user="completions")
    chunks = client.completions.create(model="sim", prompt="Once upon a time", stream=True, user="completions")
    return {"whole": dumped(whole), "chunks": [dumped(chunk) for chunk in chunks]}


def other_routes(client: OpenAI) -> Any:
    listed = [model.id for model in client.models.list()]
    vector = client.embeddings.create(model="sim", input="Hello", user="embeddings")
    return {"models": listed, "embedding": dumped(vector)}


def refused(client: OpenAI) -> Any:
    found = {}
    for status in (400, 401, 404, 422, 429, 500, 503):
        try:
            chat(client.with_options(max_retries=0), f"status-{status}")
        except openai.APIStatusError as error:
            found[status] = [type(error).__name__, error.status_code, error.body, error.request_id, headers_of(error.response)]
    return found


def retried(client: OpenAI) -> Any:
    """The SDK waits as long as `Retry-After` says, and its second attempt succeeds."""
    found = {}
    for status in (429, 503):
        began = time.monotonic()
        reply = chat(client.with_options(max_retries=2), f"once-{status}")["reply"]
        found[status] = [reply, time.monotonic() - began >= 0.3]
    return found


def broken(client: OpenAI) -> Any:
    """An error in the midst of a stream is the SDK's own error."""
    try:
        stream(client, "error-event")
    except openai.APIError as error:
        return [type(error).__name__, error.message, error.body]
    return None


def compressed(client: OpenAI) -> Any:
    return {"whole": chat(client, "gzip"), "stream": stream(client, "gzip")}


def large(client: OpenAI) -> Any:
    """Bodies below and above what is mirrored, and a reply that is larger still."""
    found = []
    for size in (700_000, 3_000_000):
        body: Any = [{"role": "user", "content": "ä" * (size // 2)}]
        raw = client.chat.completions.with_raw_response.create(model="sim", messages=body, user="large")
        said = raw.parse().choices[0].message.content or ""
        found.append([headers_of(raw), len(said), hashlib.sha256(said.encode()).hexdigest()])
    return found


def cancelled(client: OpenAI) -> Any:
    """When each of three streams was closed by the client; the vendor knows when it saw that."""
    times = []
    for number in range(3):
        chunks = client.chat.completions.create(model="sim", messages=MESSAGES, stream=True, user=f"endless-{number}")
        for _, _chunk in zip(range(3), chunks, strict=False):
            pass
        times.append(time.time())
        chunks.close()
    return times


async def asynchronous(client: AsyncOpenAI) -> Any:
    """Many at once, whole and streamed, and one that is cancelled."""

    async def streamed() -> Any:
        chunks = await client.chat.completions.create(model="sim", messages=MESSAGES, stream=True, user="stream")
        return [dumped(chunk) async for chunk in chunks]

    async def whole() -> Any:
        return dumped(await client.chat.completions.create(model="sim", messages=MESSAGES, user="chat"))

    found = await asyncio.gather(*[streamed() for _ in range(5)], *[whole() for _ in range(5)])
    running = asyncio.ensure_future(client.chat.completions.create(model="sim", messages=MESSAGES, user="hang"))
    await asyncio.sleep(0.2)
    closed = time.time()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return {"replies": found, "closed": closed, "was_cancelled": running.cancelled()}


SCENARIOS: tuple[Callable[[OpenAI], Any], ...] = (
    chat, stream, tools, structured, responses, responses_stream, completions, other_routes, refused, retried, broken,
    compressed, large, cancelled,
)  # fmt: skip


def clients(base_url: str, service_url: str | None, direct_fallback: str | None) -> tuple[OpenAI, AsyncOpenAI]:
    if service_url is None:
        return OpenAI(base_url=base_url, api_key=KEY), AsyncOpenAI(base_url=base_url, api_key=KEY)
    from parallel_pilot import async_shadow_transport, shadow_transport  # noqa: PLC0415 - only where it is on the path

    http: Any = __import__("httpx2" if int(openai.__version__.split(".")[0]) > 2 else "httpx")
    given: Any = {
        "pilot": "support-bot",
        "service_url": service_url,
        "api_key": "pilot-key",
        "direct_fallback": direct_fallback,
    }
    sync, asynchronous_one = shadow_transport(**given), async_shadow_transport(**given)
    return (
        OpenAI(base_url=base_url, api_key=KEY, http_client=http.Client(transport=sync)),
        AsyncOpenAI(base_url=base_url, api_key=KEY, http_client=http.AsyncClient(transport=asynchronous_one)),
    )


def main(base_url: str, service_url: str | None = None, direct_fallback: str | None = None) -> None:
    client, asynchronous_client = clients(base_url, service_url, direct_fallback)
    found = {scenario.__name__: scenario(client) for scenario in SCENARIOS}
    client.close()

    async def last() -> Any:
        async with asynchronous_client:
            return await asynchronous(asynchronous_client)

    found["asynchronous"] = asyncio.run(last())
    print(json.dumps({"version": openai.__version__, "results": found}))  # noqa: T201 - its one line


if __name__ == "__main__":
    main(*sys.argv[1:])
