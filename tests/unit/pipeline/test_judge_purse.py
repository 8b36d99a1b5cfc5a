"""Money is taken before calls, and never more than is stored."""

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from app.pipeline.judge_purse import Budget, JudgePurse, Lack

DAY = datetime(2026, 10, 5, 12, tzinfo=UTC)
ONE = Decimal(1)


class Store:
    """What a writer would do: stores each booking at once, and keeps what is stored."""

    def __init__(self, budget: Budget, now: datetime = DAY) -> None:
        self.now = now
        self.purse = JudgePurse(budget, wake=self.write, now=lambda: self.now)
        self.booked = budget.spent_usd
        self.reserve = Decimal(0)

    def write(self, calls: int = 0, usd: Decimal = Decimal(0)) -> None:
        def later() -> None:
            booking = self.purse.booking(calls, usd)
            self.booked += usd
            self.reserve = booking.reserve_usd
            self.purse.booked(booking)

        asyncio.get_running_loop().call_soon(later)


def taken(store: Store, *prices: Decimal) -> list[Lack | None]:
    async def take() -> list[Lack | None]:
        return [await asyncio.wait_for(store.purse.take(price), 2) for price in prices]

    return asyncio.run(take())


def test_a_call_begins_only_within_a_stored_reserve() -> None:
    store = Store(Budget(Decimal(10), Decimal(2)))
    assert taken(store, ONE, ONE) == [None, None]
    assert store.purse.open_usd == 2
    assert 2 <= store.reserve <= 4  # not much more than is open
    assert store.booked + store.reserve <= 10


def test_no_call_begins_before_its_reserve_is_stored() -> None:
    async def take() -> None:
        purse = JudgePurse(Budget(Decimal(10), Decimal(0)))  # nobody writes
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(purse.take(ONE), 0.02)
        assert purse.open_usd == 0

    asyncio.run(take())


def test_a_free_judge_needs_no_reserve() -> None:
    store = Store(Budget(Decimal(0), Decimal(0)))
    assert taken(store, Decimal(0)) == [None]
    assert store.reserve == 0


@pytest.mark.parametrize(
    ("budget", "price", "lack"),
    [
        (Budget(Decimal(5), Decimal(4)), "1", None),
        (Budget(Decimal(5), Decimal(4)), "1.01", Lack.PILOT),
        (Budget(Decimal(5), Decimal(4), Decimal(2), DAY.date(), ONE), "1", None),
        (Budget(Decimal(5), Decimal(3), Decimal(2), DAY.date(), ONE), "1.01", Lack.DAY),
        (Budget(Decimal(5), Decimal(3), Decimal(2), date(2026, 10, 4), Decimal(2)), "1.01", None),  # that was yesterday
        (Budget(Decimal(5), Decimal(3), Decimal(2), DAY.date(), ONE), "2.01", Lack.PILOT),  # no day can pay it
        (Budget(Decimal(5), Decimal("4.5"), Decimal(2), DAY.date(), ONE), "1.01", Lack.PILOT),
    ],
)
def test_which_budget_does_not_reach(budget: Budget, price: str, lack: Lack | None) -> None:
    assert taken(Store(budget), Decimal(price)) == [lack]


def test_a_new_day_has_its_own_money() -> None:
    store = Store(Budget(Decimal(9), Decimal(0), Decimal(1), DAY.date(), Decimal(0)))

    async def two_days() -> None:
        assert await store.purse.take(ONE) is None
        store.purse.settle(ONE, ONE)
        store.write(1, ONE)
        await asyncio.sleep(0)
        assert await store.purse.take(ONE) is Lack.DAY
        store.now = DAY.replace(day=6)
        assert await store.purse.take(ONE) is None

    asyncio.run(two_days())


def test_who_finds_no_money_waits_for_what_others_give_back() -> None:
    store = Store(Budget(Decimal(2), Decimal(0)))

    async def three() -> None:
        first = await store.purse.take(Decimal("1.5"))
        second = asyncio.create_task(store.purse.take(ONE))
        await asyncio.sleep(0.01)
        assert (first, second.done()) == (None, False)
        store.purse.settle(Decimal("1.5"), Decimal("0.5"))
        assert await asyncio.wait_for(second, 2) is None
        assert store.purse.open_usd == Decimal("1.5")

    asyncio.run(three())


def test_booked_and_stored_never_are_above_the_budget() -> None:
    store = Store(Budget(Decimal(10), Decimal(0)))
    sums = []

    async def all_of_it() -> None:
        while await store.purse.take(ONE) is None:
            store.purse.settle(ONE, Decimal("0.3"))
            store.write(1, Decimal("0.3"))
            await asyncio.sleep(0)
            sums.append(store.booked + store.reserve)

    asyncio.run(all_of_it())
    assert max(sums) <= 10
    assert store.booked == Decimal("9.3")  # the next call could have gone over it


def test_what_is_open_is_known_to_the_last_call() -> None:
    store = Store(Budget(Decimal(10), Decimal(0)))

    async def calls() -> None:
        for _ in range(3):
            await store.purse.take(ONE)
        store.purse.settle(ONE, Decimal("0.2"))
        assert (store.purse.open_usd, store.purse.open_calls) == (Decimal("2.2"), 3)
        store.write(1, Decimal("0.2"))
        await asyncio.sleep(0)
        assert (store.purse.open_usd, store.purse.open_calls) == (Decimal(2), 2)

    asyncio.run(calls())
