"""One step against real sockets: requests leave at their moments, and no faster than our own bound."""

import asyncio
import threading
from decimal import Decimal
from itertools import pairwise

import pytest
from aiohttp import web

from app.domain.pilot import Arm
from app.domain.words import ArmRole
from app.pipeline.content import ContentPolicy
from app.pipeline.rehearsal_figures import Offer
from app.pipeline.rehearsal_step import WARMING_CALLS, Bounds, CannotRehearse, Due, Offering
from app.pipeline.replay_money import Meter, Purse
from app.pipeline.replay_run import Candidate
from app.providers.model_server import Target
from tests.builders import a_configuration
from tests.model_servers import completion, model_server

REQUEST = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
EVERY = 0.02


class Server:
    """Answers at once until it has warmed up, then never before `over`."""

    def __init__(self, *, hangs: bool) -> None:
        self.came: list[float] = []
        self.told: list[str | None] = []
        self.over = threading.Event()
        self._hangs = hangs

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.told.append(request.headers.get("X-Pilot-Mirror"))
        self.came.append(asyncio.get_running_loop().time())
        if self._hangs and len(self.came) > WARMING_CALLS:
            await asyncio.to_thread(self.over.wait, 10)
        return web.json_response(completion("answer"))


def an_offering(url: str, count: int, bounds: Bounds) -> Offering:
    policy = ContentPolicy.of(a_configuration(), b"key")
    arm = Arm(1, "qwen", ArmRole.CANDIDATE, "m")
    candidate = Candidate(arm, Target(url, "m"), Meter(None, is_rented_by_hour=True), 64, policy)
    dues = [Due(number * EVERY, REQUEST, "/chat/completions") for number in range(count)]
    return Offering(candidate, dues, count * EVERY, 0.1, bounds, Purse(None, spent_usd=Decimal(0)))


def offered(server: Server, count: int, bounds: Bounds) -> tuple[Offering, Offer]:
    with model_server(server) as url:
        offering = an_offering(url, count, bounds)
        offer = asyncio.run(offering.run())
        server.over.set()
    return offering, offer


def test_requests_leave_at_their_moments_whatever_the_server_does() -> None:
    server = Server(hangs=True)
    offering, offer = offered(server, 25, Bounds())
    assert [call.is_unfinished for call in offering.calls] == [True] * 25  # nobody waited for an answer before the next
    gaps = [later - earlier for earlier, later in pairwise(server.came[WARMING_CALLS:])]
    assert sum(gaps) / len(gaps) == pytest.approx(EVERY, rel=0.25)
    assert (offer.seconds, offer.not_sent) == (0.5, 0)
    # What hung counts with the age that it had: leaving it out would flatter the server.
    ages = sorted(call.ended - call.due for call in offering.calls)
    assert ages[0] >= 0.1
    assert ages[-1] >= 0.55


def test_more_than_our_bound_is_not_sent_and_counted() -> None:
    offering, _ = offered(Server(hangs=True), 25, Bounds(concurrency=10))
    assert sum(call.sent is None for call in offering.calls) == 15
    assert len(offering.calls) == 25


def test_a_process_that_falls_hopelessly_behind_sends_no_more() -> None:
    with model_server(Server(hangs=False)) as url:
        offering = an_offering(url, 5, Bounds())
        # As if the clock had run on while nothing was sent.
        offering.dues = [Due(at, REQUEST, "/chat/completions") for at in (0.0, -1.0, -2.5, 0.1)]
        asyncio.run(offering.run())
    assert {call.due: call.sent is None for call in offering.calls} == {0.0: False, -1.0: False, -2.5: True, 0.1: True}


def test_times_count_from_the_moment_at_which_a_request_was_due() -> None:
    server = Server(hangs=False)
    offering, _ = offered(server, 10, Bounds())
    assert set(server.told) == {"off"}  # a gateway of ours in front of it does not mirror them again
    for call, due in zip(sorted(offering.calls, key=lambda call: call.due), range(10), strict=True):
        assert call.due == due * EVERY
        assert call.sent is not None
        assert call.due <= call.sent <= call.ended
        assert call.failure == ""


def test_a_server_that_is_not_there_is_said_before_anything_is_offered() -> None:
    offering = an_offering("http://127.0.0.1:1/v1", 5, Bounds())
    with pytest.raises(CannotRehearse, match="no model server answers"):
        asyncio.run(offering.run())
    assert offering.calls == []
