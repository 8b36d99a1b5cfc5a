"""A gateway that is loaded before it has a port does not wait for one for ever."""

import asyncio

import pytest

from app.errors import StackError
from app.gateway import serving
from app.gateway.serving import _until_it_listens
from app.stack.listening import begin, unbound


def test_it_waits_until_its_socket_listens_and_not_longer_than_a_supervisor_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        with unbound("127.0.0.1") as made:
            waiting = asyncio.create_task(_until_it_listens(made))
            await asyncio.sleep(0.01)
            assert not waiting.done()
            begin(made, "127.0.0.1", 0, "PILOT_GATEWAY_PORT", fall_back=False)
            await asyncio.wait_for(waiting, 5)
        monkeypatch.setattr(serving, "PORT_SECONDS", 0.02)
        with unbound("127.0.0.1") as made, pytest.raises(StackError, match="before it took the port"):
            await asyncio.wait_for(_until_it_listens(made), 5)

    asyncio.run(story())
