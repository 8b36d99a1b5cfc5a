"""A judge behind real HTTP that says what the test wants and remembers what it was asked."""

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Answer = Callable[["Call"], "Said"]
SECTION = re.compile(
    r"<<<BEGIN conversation (?P<mark>[0-9a-f]{16})>>>\n(?P<conversation>.*)\n<<<END conversation (?P=mark)>>>\n"
    r"<<<BEGIN first reply (?P=mark)>>>\n(?P<first>.*)\n<<<END first reply (?P=mark)>>>\n"
    r"<<<BEGIN second reply (?P=mark)>>>\n(?P<second>.*)\n<<<END second reply (?P=mark)>>>"
    r"(\n<<<BEGIN reference answer (?P=mark)>>>\n(?P<reference>.*)\n<<<END reference answer (?P=mark)>>>)?",
    re.DOTALL,
)
# What a rubric asks about: one reply.
SCORED = re.compile(
    r"<<<BEGIN conversation (?P<mark>[0-9a-f]{16})>>>\n(?P<conversation>.*)\n<<<END conversation (?P=mark)>>>\n"
    r"<<<BEGIN reply (?P=mark)>>>\n(?P<first>.*)\n<<<END reply (?P=mark)>>>",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Said:
    """What the judge answers; `status` other than 200 makes `content` the error's message.

    `is_cut_off`: it has worked for the answer, and the connection breaks before the answer is sent.
    """

    content: str | None
    status: int = 200
    usage: dict[str, int] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    finish_reason: str = "stop"
    is_cut_off: bool = False


@dataclass(slots=True)
class Call:
    """One request as it came in; of a rubric's question, `first` is the reply and `second` is empty."""

    body: dict[str, Any]
    headers: dict[str, str]
    conversation: str
    first: str
    second: str
    mark: str
    number: int
    began_at: float
    reference: str | None = None
    is_answered: bool = False


def verdict(preference: str, reasoning: str = "because", **more: Any) -> Said:
    """A well-formed answer."""
    return Said(json.dumps({"reasoning": reasoning, "preference": preference}), **more)


def criteria_met(*met: float, evidence: str = "", **more: Any) -> Said:
    """A well-formed answer to a rubric's question: how far each criterion is met."""
    listed = [{"criterion": str(n), "evidence": evidence, "met": share} for n, share in enumerate(met, start=1)]
    return Said(json.dumps({"criteria": listed}), **more)


def longer_wins(call: Call) -> Said:
    """Consistent in both orders."""
    first, second = len(call.first), len(call.second)
    return verdict("first" if first > second else "second" if second > first else "tie")


class FakeJudge:
    """Serves on a thread of its own; `url` is its base URL, `calls` what came in."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.calls: list[Call] = []
        self.url = ""
        self.most_at_once = 0
        self._now = 0

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        asked = body["messages"][-1]["content"]
        found = SECTION.fullmatch(asked) or SCORED.fullmatch(asked)
        assert found is not None, asked
        more = found.groupdict()
        call = Call(
            body, dict(request.headers), found["conversation"], found["first"], more.get("second") or "", found["mark"],
            len(self.calls), time.monotonic(), more.get("reference"),
        )  # fmt: skip
        self.calls.append(call)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            said = self.answer(call)
            await asyncio.sleep(said.seconds)
        finally:
            self._now -= 1
        call.is_answered = request.transport is not None and not request.transport.is_closing()
        if said.is_cut_off and request.transport is not None:
            request.transport.abort()
        if said.status != 200:
            error = {"error": {"message": said.content}} | ({"usage": said.usage} if said.usage else {})
            return web.json_response(error, status=said.status, headers=said.headers)
        message = {"role": "assistant", "content": said.content}
        document: dict[str, Any] = {
            "choices": [{"index": 0, "message": message, "finish_reason": said.finish_reason}],
            "model": "judge-1",
        }
        if said.usage is not None:
            document["usage"] = said.usage
        return web.json_response(document)

    async def _serve(self, ready: threading.Event, stopped: asyncio.Event) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/chat/completions", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=2048)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        ready.set()
        await stopped.wait()
        await runner.cleanup()


@contextmanager
def fake_judge(answer: Answer = longer_wins) -> Iterator[FakeJudge]:
    """A judge that answers until the end of the block."""
    judge, ready = FakeJudge(answer), threading.Event()
    loop, stopped = asyncio.new_event_loop(), asyncio.Event()

    def run() -> None:
        loop.run_until_complete(judge._serve(ready, stopped))
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(10)
    try:
        yield judge
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(10)
