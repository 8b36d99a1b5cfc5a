"""Fewer calls where a server has no room, slowly more where it answers."""

import asyncio

from app.pipeline.call_limiter import CallLimiter, Room, room_of


def entered(limiter: CallLimiter, number: int) -> list[int]:
    async def enter() -> list[int]:
        return [await asyncio.wait_for(limiter.enter(), 1) for _ in range(number)]

    return asyncio.run(enter())


def test_as_many_as_are_wanted_until_there_is_no_room() -> None:
    limiter = CallLimiter(10, Room())
    epochs = entered(limiter, 10)
    assert (limiter.limit, limiter.in_flight) == (10, 10)
    limiter.leave(epochs[0], has_room=True)
    assert limiter.limit == 10
    limiter.leave(epochs[1], has_room=False)
    assert limiter.limit == 7


def test_calls_that_were_under_way_together_are_one_sign() -> None:
    limiter = CallLimiter(100, Room())
    epochs = entered(limiter, 50)
    for epoch in epochs:
        limiter.leave(epoch, has_room=False)
    assert limiter.limit == 70
    (later,) = entered(limiter, 1)
    limiter.leave(later, has_room=False)
    assert limiter.limit == 49


def test_answers_raise_it_step_by_step_up_to_the_most() -> None:
    room = Room(limit=50.0)
    limiter = CallLimiter(100, room)
    rounds = 0
    while limiter.limit < 100:
        for epoch in entered(limiter, limiter.limit):
            limiter.leave(epoch, has_room=True)
        rounds += 1
    assert 20 <= rounds <= 30
    assert room.limit is None


def test_it_never_falls_below_one_and_says_nothing_of_other_failures() -> None:
    room = Room()
    limiter = CallLimiter(4, room)
    for _ in range(20):
        (epoch,) = entered(limiter, 1)
        limiter.leave(epoch, has_room=False)
    assert limiter.limit == 1
    (epoch,) = entered(limiter, 1)
    limiter.leave(epoch, has_room=None)
    assert (limiter.limit, room.limit) == (1, 1.0)


def test_who_finds_no_place_waits_in_turn() -> None:
    async def three() -> list[str]:
        limiter, order = CallLimiter(1, Room()), []

        async def call(name: str) -> None:
            epoch = await limiter.enter()
            order.append(name)
            await asyncio.sleep(0)
            assert limiter.in_flight == 1
            limiter.leave(epoch, has_room=True)

        await asyncio.wait_for(asyncio.gather(*(call(name) for name in "abc")), 2)
        return order

    assert asyncio.run(three()) == ["a", "b", "c"]


def test_one_who_stops_waiting_takes_no_place() -> None:
    async def waits() -> None:
        limiter = CallLimiter(1, Room())
        epoch = await limiter.enter()
        gone, stays = asyncio.create_task(limiter.enter()), asyncio.create_task(limiter.enter())
        await asyncio.sleep(0)
        limiter.leave(epoch, has_room=True)
        gone.cancel()
        await asyncio.wait_for(stays, 2)
        assert limiter.in_flight == 1

    asyncio.run(waits())


def test_a_server_is_remembered_from_turn_to_turn() -> None:
    room = room_of("http://judge.example/v1", "m")
    room.limit = 3.0
    assert room_of("http://judge.example/v1", "m").limit == 3.0
    assert room_of("http://judge.example/v1", "other").limit is None
