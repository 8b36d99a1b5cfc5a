from collections import Counter

import pytest

from app.simulator.faults import Fault, Faults


def test_rates_hold_over_many_requests() -> None:
    faults = Faults({Fault.SERVER_ERROR: 0.1, Fault.HANG: 0.05}, seed=3)
    seen = Counter(faults.next({}) for _ in range(4000))
    assert 320 < seen[Fault.SERVER_ERROR] < 480
    assert 140 < seen[Fault.HANG] < 260
    assert seen[Fault.NONE] == 4000 - seen[Fault.SERVER_ERROR] - seen[Fault.HANG]


def test_the_same_seed_gives_the_same_faults() -> None:
    def drawn(seed: int) -> list[Fault]:
        faults = Faults({Fault.DROP: 0.5}, seed=seed)
        return [faults.next({}) for _ in range(40)]

    assert drawn(1) == drawn(1) != drawn(2)


def test_a_script_comes_before_the_rates_and_the_request_s_own_wish_before_both() -> None:
    faults = Faults({Fault.HANG: 1.0}, script=[Fault.RATE_LIMITED, Fault.NONE])
    assert faults.next({"metadata": {"fault": "garbage"}}) is Fault.GARBAGE
    assert [faults.next({}) for _ in range(3)] == [Fault.RATE_LIMITED, Fault.NONE, Fault.HANG]
    assert faults.next({"metadata": None}) is Fault.HANG


def test_rates_above_one_are_refused() -> None:
    with pytest.raises(ValueError, match=r"add up to 1\.2"):
        Faults({Fault.HANG: 0.6, Fault.DROP: 0.6})
