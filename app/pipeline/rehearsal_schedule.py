"""Which recorded requests are sent again, and when: production's own arrivals, faster or slower."""

from dataclasses import dataclass

import numpy as np

from app.domain.evidence import Flags, Floats, Numbers

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
DAY_US = 24 * 60 * MINUTE_US
# A request that stands for others is repeated up to so far from its own moment: near enough for the busy hour to stay one.
JITTER_SECONDS = 30.0
# Times of which so many are whole seconds (or minutes) were cut to them: all of a second's would come at once.
_CUT_SHARE = 0.99
# Speeds from a millionth to a million times are looked through, to a millionth part.
_SPEED_POWER, _HALVINGS = 20.0, 26
# What one step may send: so many arrays are still small beside a worker's memory.
MOST_REQUESTS_A_STEP = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """Recorded requests by arrival: numbers, moments (microseconds since 1970), how many of production's each stands for."""

    ids: Numbers
    arrived_us: Numbers
    weights: Floats

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def span_us(self) -> float:
        """From the first to where the next after the last would come."""
        n = len(self)
        return float(self.arrived_us[-1] - self.arrived_us[0]) * n / (n - 1) if n > 1 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """What is due in one step, by its moment.

    Attributes:
        due_seconds: Since the step began, ascending, shape (n,).
        rows: Which arrival each is, shape (n,).
        is_repeat: Whether it stands for a request that was not sampled.
        begins_us: Beginning of the recorded window.
        ends_us: Its end; beyond the last arrival where the recording was gone through more than once.
        rounds: How often the recording was gone through; 1 = once or a part.
    """

    due_seconds: Floats
    rows: Numbers
    is_repeat: Flags
    begins_us: int
    ends_us: int
    rounds: int = 1

    def __len__(self) -> int:
        return len(self.due_seconds)


def spread(arrivals: Arrivals, generator: np.random.Generator) -> tuple[Arrivals, float]:
    """Arrivals whose clock was cut to whole seconds or minutes, drawn over them; gives that unit in seconds, or 0."""
    for unit in (MINUTE_US, SECOND_US):
        if len(arrivals) > 1 and np.mean(arrivals.arrived_us % unit == 0) >= _CUT_SHARE:
            moments = arrivals.arrived_us + generator.integers(0, unit, len(arrivals))
            order = np.argsort(moments, kind="stable")
            return Arrivals(arrivals.ids[order], moments[order], arrivals.weights[order]), unit / SECOND_US
    return arrivals, 0.0


def busiest(arrivals: Arrivals, length_us: float) -> tuple[int, float]:
    """The window of that length with most of production's requests: the row of its first arrival, and how many they are."""
    total = np.concatenate([[0.0], np.cumsum(arrivals.weights)])
    after = np.searchsorted(arrivals.arrived_us, arrivals.arrived_us + length_us, side="left")
    inside = total[after] - total[:-1]
    first = int(np.argmax(inside))
    return first, float(inside[first])


def peak_per_minute(arrivals: Arrivals) -> float | None:
    """Most of production's requests within any 60 seconds."""
    return busiest(arrivals, MINUTE_US)[1] if len(arrivals) else None


def speed_for(arrivals: Arrivals, *, rate: float, seconds: float) -> float:
    """At which speed the busiest window brings so many requests a second; they only become more with the speed."""
    low, high = -_SPEED_POWER, _SPEED_POWER
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if requests_of(arrivals, 2.0**middle, seconds) < rate * seconds else (low, middle)
    return float(2.0**high)


def requests_of(arrivals: Arrivals, speed: float, seconds: float) -> float:
    """How many requests a step sends, without making them: a few keys can ask for more than there is memory."""
    length = seconds * speed * SECOND_US
    if length <= arrivals.span_us:
        return busiest(arrivals, length)[1]
    return float(arrivals.weights.sum()) * length / arrivals.span_us


def day_share(arrivals: Arrivals, seconds: float) -> float:
    """What share of a mean day's requests came in the busiest stretch of that length; of less than a day, by the clock."""
    days = arrivals.span_us / DAY_US
    if days < 1:
        return seconds * SECOND_US / DAY_US
    return min(1.0, busiest(arrivals, seconds * SECOND_US)[1] * days / float(arrivals.weights.sum()))


def rows_of(arrivals: Arrivals, speed: float, seconds: float, most: int) -> Numbers:
    """The first so many rows of the window that a step sends."""
    length = seconds * speed * SECOND_US
    first, ends = 0, len(arrivals)
    if length <= arrivals.span_us:
        first, _ = busiest(arrivals, length)
        ends = int(np.searchsorted(arrivals.arrived_us, int(arrivals.arrived_us[first]) + length, side="left"))
    return np.arange(first, min(ends, first + most))


def schedule(arrivals: Arrivals, *, speed: float, seconds: float, generator: np.random.Generator) -> Schedule:
    """The busiest recorded window, at another speed, filled up to production's rate.

    Args:
        arrivals: Two or more, at different moments.
        speed: Recorded seconds for each second of the step.
        seconds: How long requests are due.
        generator: Draws what stands for requests that were not sampled.
    """
    length = seconds * speed * SECOND_US
    span = arrivals.span_us
    if length <= span:
        first, _ = busiest(arrivals, length)
        begins = int(arrivals.arrived_us[first])
        rows = np.arange(first, np.searchsorted(arrivals.arrived_us, begins + length, side="left"))
        offsets = (arrivals.arrived_us[rows] - begins).astype(np.float64)
        rounds = 1
    else:
        begins, rounds = int(arrivals.arrived_us[0]), int(np.ceil(length / span))
        rows = np.tile(np.arange(len(arrivals)), rounds)
        later = np.repeat(np.arange(rounds) * span, len(arrivals))
        offsets = np.tile((arrivals.arrived_us - begins).astype(np.float64), rounds) + later
        inside = offsets < length
        rows, offsets = rows[inside], offsets[inside]
    rows, offsets, is_repeat = _filled(arrivals.weights, rows, offsets, length, generator)
    order = np.argsort(offsets, kind="stable")
    due = offsets[order] / (speed * SECOND_US)
    return Schedule(due, rows[order], is_repeat[order], begins, begins + int(length), rounds)


def _filled(
    weights: Floats, rows: Numbers, offsets: Floats, length_us: float, generator: np.random.Generator
) -> tuple[Numbers, Floats, Flags]:
    """Each request as often as it stands for: once at its own moment, then near it, within the window."""
    wanted = np.round(weights[rows], 6)
    copies = np.floor(wanted).astype(np.int64)
    copies += generator.random(len(rows)) < wanted - copies
    more = np.maximum(copies - 1, 0)
    where = np.repeat(np.arange(len(rows)), more)
    reach = min(JITTER_SECONDS * SECOND_US, length_us / 2)
    moved = offsets[where] + generator.uniform(-reach, reach, len(where))
    moved = np.abs(moved)
    moved = np.where(moved >= length_us, 2 * length_us - moved, moved)
    is_repeat = np.concatenate([np.zeros(len(rows), dtype=bool), np.ones(len(where), dtype=bool)])
    return np.concatenate([rows, rows[where]]), np.concatenate([offsets, moved]), is_repeat
