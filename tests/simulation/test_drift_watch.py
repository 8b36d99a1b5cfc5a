"""The drift watch on a few seeded pilots; the whole table is in docs/drift.md."""

from tests.simulation.drift_watch import alarms_of
from tests.simulation.worlds import World

ONE_IN_TWELVE = 1 / 12


def test_pilots_that_nothing_happens_to_are_rarely_frozen() -> None:
    found = alarms_of(World("steady", win_rate=0.5, day_shock=0.03), runs=60)
    assert found.ever <= ONE_IN_TWELVE
    assert found.mix == 0.0


def test_a_sudden_fall_freezes_most_pilots() -> None:
    found = alarms_of(World("falls at once", win_rate=0.5, steps=((14, 0.4),), day_shock=0.03), runs=30)
    assert found.at_the_end > 0.65
    assert found.quality > 0.7
