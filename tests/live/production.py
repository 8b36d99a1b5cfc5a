"""Production as the gateway's clients see it: open-loop requests whose every reply is checked byte for byte."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from typing_extensions import override

from tests.live.vendor import expected_body

KEY = "sk-production-key-that-only-the-vendor-may-see-0123456789"
ANSWER_SECONDS = 60.0


@dataclass
class Outcome:
    """What production met."""

    sent: int = 0
    ok: int = 0
    wrong: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


class Production(threading.Thread):
    """Sends numbered requests at a constant rate until it is told to stop, a third of them streamed.

    Args:
        base_url: Address with `/v1`: the gateway's, or the vendor's own.
        model: The vendor's model, for the expected bytes.
        rate: Requests a second.
        name: Part of every prompt.
    """

    def __init__(
        self, base_url: str, *, model: str, rate: float, name: str, streamed: Callable[[int], bool] | None = None
    ) -> None:
        super().__init__(name=f"production-{name}", daemon=True)
        self.outcome = Outcome()
        self._base_url = base_url
        self._model = model
        self._rate = rate
        self._label = name
        self._streamed = streamed or (lambda number: number % 3 == 0)
        self._ends = threading.Event()
        self.under_way = 0

    def stop(self) -> Outcome:
        """Ends the sending, waits for what is under way, and says what came of it."""
        self._ends.set()
        self.join(ANSWER_SECONDS + 10)
        assert not self.is_alive()
        return self.outcome

    def hold(self) -> None:
        """Sends nothing more; what is under way goes on."""
        self._ends.set()

    @override
    def run(self) -> None:
        asyncio.run(self._drive())

    async def _drive(self) -> None:
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            under_way: set[asyncio.Task[None]] = set()
            began = time.perf_counter()
            number = 0
            while not self._ends.is_set():
                due = began + number / self._rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                task = asyncio.create_task(self._one(session, number, due))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                number += 1
            await asyncio.gather(*under_way)

    async def _one(self, session: aiohttp.ClientSession, number: int, due: float) -> None:
        request = self._request(number)
        headers = {"Authorization": f"Bearer {KEY}", "X-Pilot-Conversation": f"{self._label}-{number}"}
        self.outcome.sent += 1
        self.under_way += 1
        try:
            async with session.post(f"{self._base_url}/chat/completions", json=request, headers=headers) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self.outcome.failed.append(f"{number}: {type(error).__name__} {error}")
            return
        finally:
            self.under_way -= 1
        self.outcome.seconds.append(time.perf_counter() - due)
        if answer.status == 200 and body == expected_body(self._model, request):
            self.outcome.ok += 1
        else:
            self.outcome.wrong.append(f"{number}: {answer.status} {body[:200]!r}")

    def _request(self, number: int) -> dict[str, Any]:
        message = {"role": "user", "content": f"{self._label} request {number}"}
        return {"model": self._model, "messages": [message], **({"stream": True} if self._streamed(number) else {})}
