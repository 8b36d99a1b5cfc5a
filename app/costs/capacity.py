"""How many replicas a pilot's own arrivals need: the smallest number for which a replay keeps the objective.

Slots: requests that are answered at once while the objective is kept. One replica has `k` of them, which need not be whole
(25 slots measured on 2 replicas are 12.5 each); `r` replicas then have `floor(r k)`: half a slot answers nobody.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.costs.queue_replay import MICROSECONDS, Flags, Floats, Numbers, Stream, replay, stream_of

SHARE = 0.95
SEED = 20_231_116
# More requests than this are replayed from a part of the minutes, see `expanded`.
MOST_REPLAYED, MOST_FOR_STAIRS = 1_500_000, 200_000
VOLUMES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)
MOST_STEPS = 400
FEWEST_SHOWN, _BAND = 20, 0.8
_BLOCK_SECONDS, _BLOCK_SERVICES = 300.0, 20.0
# 1e-9 of a request: weights are reciprocals of decimals.
_TINY = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class TimeLimit:
    """95 of 100 requests must be within `seconds`: waiting for a slot + `times_seconds`.

    Attributes:
        times_seconds: Of each request, in seconds, shape (n,); NaN = not known, and it has no say.
        seconds: The limit.
        is_kept_alone: It is known that the times by themselves keep it, as from a rehearsal. If more than 5 of 100 of these
            requests are above it nevertheless, that is chance, and waiting must add none.
    """

    times_seconds: Floats
    seconds: float
    is_kept_alone: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """What servers would have to carry, and what has to hold.

    Attributes:
        arrived_us: When each request arrived, in microseconds, shape (n,).
        service_seconds: How long each takes a slot, in seconds, shape (n,).
        weights: How many production requests each stands for, shape (n,).
        wait_p95_seconds: The most that 95 of 100 requests may wait for a slot; 0 = they find one free.
        limits: What waiting and answering together must keep.
    """

    arrived_us: Numbers
    service_seconds: Floats
    weights: Floats
    wait_p95_seconds: float = 0.0
    limits: tuple[TimeLimit, ...] = ()


@dataclass(frozen=True, slots=True)
class SlotsByVolume:
    """How many slots each volume needs; the measured volume is 1. Both ascend; equal slots may follow one another."""

    volumes: tuple[float, ...]
    slots: tuple[int, ...]

    def largest_volume(self, slots: int) -> float | None:
        """The largest volume that so many slots carry, straight between the searched ones; `None` = not even the least.

        Beyond the last searched volume the answer is that volume: nothing is known of more.

        Example:
            >>> curve = SlotsByVolume((0.5, 1.0, 2.0), (10, 20, 30))
            >>> curve.largest_volume(25), curve.largest_volume(9), curve.largest_volume(99)
            (1.5, None, 2.0)
        """
        above = next((place for place, needed in enumerate(self.slots) if needed > slots), None)
        if above == 0:
            return None
        if above is None:
            return self.volumes[-1]
        low, high = self.slots[above - 1], self.slots[above]
        share = (slots - low) / (high - low)
        return self.volumes[above - 1] + share * (self.volumes[above] - self.volumes[above - 1])


def replicas_of(slots: int, slots_per_replica: float) -> int:
    """The fewest replicas that have so many slots together, `floor(r k) >= slots`.

    Raises:
        ValueError: If `slots_per_replica` is not above 0.

    Example:
        >>> replicas_of(25, 12.5), replicas_of(26, 12.5), replicas_of(0, 4)
        (2, 3, 1)
    """
    if not slots_per_replica > 0:
        message = f"slots_per_replica must be above 0, not {slots_per_replica}"
        raise ValueError(message)
    return max(1, math.ceil(slots / slots_per_replica - _TINY))


def as_rehearsed(times_seconds: Floats, *, p50: float, p95: float) -> Floats:
    """Each request's own time, moved so that median and 95th percentile are those measured with all slots in use.

    Straight between 0, the median and the 95th percentile; beyond it in proportion. A long answer stays a long one.

    Args:
        times_seconds: As measured in the pilot, in seconds, shape (n,), n >= 1.
        p50: Median under load, in seconds, above 0.
        p95: 95th percentile under load, in seconds, at least `p50`.

    Raises:
        ValueError: If `p50` is not above 0 or `p95` is below it.

    Example:
        >>> as_rehearsed(np.array([1.0, 2.0, 4.0, 8.0]), p50=4.0, p95=12.0).tolist()
        [2.0, 4.0, 6.666666666666666, 12.0]
    """
    if not 0 < p50 <= p95:
        message = f"p50 must be above 0 and p95 not below it, not {p50} and {p95}"
        raise ValueError(message)
    low, high = (float(np.quantile(times_seconds, share, method="inverted_cdf")) for share in (0.5, SHARE))
    if low <= 0:  # half of them took no time at all: nothing tells one from another
        return np.full(len(times_seconds), p50)
    if high == low:
        return np.asarray(times_seconds * (p50 / low), dtype=np.float64)
    inside = np.interp(times_seconds, [0.0, low, high], [0.0, p50, p95])
    return np.asarray(np.where(times_seconds > high, times_seconds * (p95 / high), inside), dtype=np.float64)


def expanded(load: Load, *, volume: float = 1.0, most: int = MOST_REPLAYED, seed: int = SEED) -> Stream:
    """The requests that a load stands for, at so many times its volume.

    A request of weight `w` becomes `floor(w v + u)` requests, with the `u` of all spread evenly over [0, 1) and shuffled: on
    average `w v` of them, one for one where both are 1, and more volume only ever adds requests. The first keeps its arrival;
    each further one is moved by up to `w v / 2` mean services to either side, so that copies are no burst that nobody sent:
    the count at once then varies by the sample's grain as much as Poisson arrivals do. Faster bursts of thinned traffic
    cannot be known.

    If that would be more than `most` requests, only some stretches of five minutes (at least 20 mean services) are kept: all
    are sorted by their requests, every m-th is taken, and they follow one another in that order, so that each begins under
    the load of its like.

    Args:
        load: Arrivals, services, weights.
        volume: Times the measured volume, above 0.
        most: About how many requests at most.
        seed: Of the draws; the same seed gives the same requests.

    Raises:
        ValueError: If `volume` is not above 0.
    """
    if not 0 < volume < math.inf:
        message = f"volume must be above 0, not {volume}"
        raise ValueError(message)
    random = np.random.default_rng(seed)
    many = load.weights * volume
    shares = (random.permutation(len(many)) + 0.5) / max(1, len(many))  # evenly spread, so that none are lost to chance
    copies = np.floor(many + shares + _TINY).astype(np.int64)
    mean = float(load.service_seconds.mean()) if len(many) else 0.0
    arrived, rows = load.arrived_us, np.arange(len(many))
    if copies.sum() > most:
        arrived, rows = _some_blocks(arrived, copies, most, block_seconds=max(_BLOCK_SECONDS, _BLOCK_SERVICES * mean))
    rows = np.repeat(rows, copies[rows])
    is_copy = np.append(False, rows[1:] == rows[:-1])[: len(rows)]
    moved = (random.random(int(is_copy.sum())) - 0.5) * many[rows[is_copy]] * mean
    at = arrived[rows]
    at[is_copy] += np.round(moved * MICROSECONDS).astype(np.int64)
    stream = stream_of(at, load.service_seconds[rows])
    return Stream(stream.arrived_us, stream.service_us, rows[stream.rows])


def _some_blocks(arrived_us: Numbers, copies: Numbers, most: int, *, block_seconds: float) -> tuple[Numbers, Numbers]:
    """Arrivals as if every m-th block by size were all there is, and which rows lie in them."""
    length = round(block_seconds * MICROSECONDS)
    _, block = np.unique(arrived_us // length, return_inverse=True)
    sizes = np.bincount(block, weights=copies)
    every = math.ceil(float(copies.sum()) / most)
    first = min((every - 1) // 2, len(sizes) - 1)
    chosen = np.argsort(sizes, kind="stable")[::-1][first::every]
    rank = np.full(len(sizes), -1, dtype=np.int64)
    rank[chosen] = np.arange(len(chosen))
    at = rank[block] * length + arrived_us % length
    return np.asarray(at, dtype=np.int64), np.flatnonzero(rank[block] >= 0)


def slots_needed(load: Load, *, volume: float = 1.0, most: int = MOST_REPLAYED, seed: int = SEED) -> int | None:
    """The fewest slots for which a replay of the arrivals keeps what has to hold.

    95 of 100 requests wait at most `wait_p95_seconds`, and with their own time keep each limit. With a slot more nobody waits
    longer, so the answer is found by halving, between what even a system without queue needs and its peak.

    Args:
        load: What to carry, and what has to hold.
        volume: Times the measured volume (with growth, if any).
        most: See `expanded`.
        seed: See `expanded`.

    Returns:
        Slots, 0 where nothing arrives; `None` if no number is enough: the time itself is above a limit.

    Example:
        >>> three = Load(np.array([0, 0, 0]), np.full(3, 1.0), np.ones(3))
        >>> slots_needed(three)
        3
    """
    stream = expanded(load, volume=volume, most=most, seed=seed)
    return slots_for(stream, load)


def slots_for(stream: Stream, load: Load) -> int | None:
    """The same for requests that are laid out already."""
    if not len(stream):
        return 0
    needs = _Needs.of(stream, load)
    if not needs.kept_without_waiting:
        return None
    high = int(stream.at_once.max())
    least = 0
    if not needs.wait_us:  # who would be one too many without a queue waits with one, too
        least = int(np.partition(stream.at_once, -1 - needs.may_wait)[-1 - needs.may_wait]) - 1
    step = 1
    while least + step < high and not needs.kept(stream, least + step):
        least, step = least + step, 2 * step
    high = min(high, least + step)
    while high - least > 1:
        middle = (least + high) // 2
        least, high = (least, middle) if needs.kept(stream, middle) else (middle, high)
    return high


@dataclass(frozen=True, slots=True, eq=False)
class _Needs:
    """What has to hold of a stream, in microseconds: `limits` are times of each request and their limit."""

    wait_us: int
    may_wait: int
    limits: tuple[tuple[Numbers, int, int], ...]

    @classmethod
    def of(cls, stream: Stream, load: Load) -> "_Needs":
        limits = []
        for limit in load.limits:
            times = limit.times_seconds[stream.rows]
            known = ~np.isnan(times)
            limit_us = round(limit.seconds * MICROSECONDS)
            # What is not known keeps the limit whatever it waits.
            in_us = np.where(known, np.round(np.nan_to_num(times) * MICROSECONDS), -math.inf)
            most = allowed(int(known.sum()))
            limits.append((in_us, limit_us, max(most, int((in_us > limit_us).sum())) if limit.is_kept_alone else most))
        return cls(round(load.wait_p95_seconds * MICROSECONDS), allowed(len(stream)), tuple(limits))

    @property
    def kept_without_waiting(self) -> bool:
        return all(int((times > limit).sum()) <= most for times, limit, most in self.limits)

    def kept(self, stream: Stream, slots: int) -> bool:
        waits = replay(stream, slots=slots, limit_us=self.wait_us, most=self.may_wait)
        if waits is None:
            return False
        for times, limit, most in self.limits:
            own = times[waits.places]
            late = int((times > limit).sum()) - int((own > limit).sum()) + int((own + waits.waits_us > limit).sum())
            if late > most:
                return False
        return True


def allowed(n: int) -> int:
    """How many of `n` may be above the 95th percentile.

    Example:
        >>> allowed(20), allowed(19)
        (1, 0)
    """
    return math.floor((1 - SHARE) * n + _TINY)


def slots_shown(at_once: Numbers, kept: Flags) -> int | None:
    """The most slots that were seen to keep the objective: a lower bound of what a server has.

    Args:
        at_once: How many requests the server was answering as each arrived, itself counted, shape (n,).
        kept: Whether each was answered within the objective, shape (n,).

    Returns:
        The largest `c` for which at least 20 requests found more than `0.8 c` and at most `c` at once, and 95 of 100 of those
        were answered within the objective; `None` if there is none.

    Example:
        >>> slots_shown(np.repeat([1, 2, 3], [50, 40, 30]), np.repeat([True, False], [90, 30]))
        2
    """
    if not len(at_once):
        return None
    counts, kept_counts = (np.append(0, np.bincount(at_once, weights=each)).cumsum() for each in (None, kept))
    most = np.arange(1, at_once.max() + 1)
    above = np.floor(_BAND * most + _TINY).astype(np.int64)
    seen, within = (sums[most + 1] - sums[above + 1] for sums in (counts, kept_counts))
    found = np.flatnonzero((seen >= FEWEST_SHOWN) & (seen - within <= (1 - SHARE) * seen + _TINY))
    return int(most[found[-1]]) if len(found) else None


def slots_for_volumes(load: Load, *, growth: float = 1.0, volumes: Sequence[float] = VOLUMES) -> SlotsByVolume | None:
    """How many slots each volume needs, by a search at each; fewer are never said for more volume.

    Args:
        load: What to carry, and what has to hold.
        growth: Arrivals are taken times this at every volume.
        volumes: Times the measured volume, ascending; at 1 all requests are replayed, else a part of large ones.

    Returns:
        Slots by volume; `None` if no number is enough.
    """
    found: list[int] = []
    for volume in volumes:
        most = MOST_REPLAYED if volume == 1 else MOST_FOR_STAIRS
        slots = slots_needed(load, volume=volume * growth, most=most)
        if slots is None:
            return None
        found.append(max(1, slots))
    return SlotsByVolume(tuple(volumes), tuple(np.maximum.accumulate(found).tolist()))


def replicas_for_volume(curve: SlotsByVolume, slots_per_replica: float) -> list[tuple[float, int]]:
    """The staircase of whole replicas: (the largest volume that so many carry, replicas), both ascending.

    Above 400 steps only every so many are given: a volume between two belongs to the higher one.

    Args:
        curve: From `slots_for_volumes`.
        slots_per_replica: Above 0, need not be whole.

    Example:
        >>> replicas_for_volume(SlotsByVolume((0.5, 1.0, 2.0), (10, 20, 30)), 10.0)
        [(0.5, 1), (1.0, 2), (2.0, 3)]
    """
    first, last = (replicas_of(slots, slots_per_replica) for slots in (curve.slots[0], curve.slots[-1]))
    every = math.ceil((last - first + 1) / MOST_STEPS)
    steps: list[tuple[float, int]] = []
    for replicas in sorted({*range(first, last, every), last}):
        volume = curve.largest_volume(math.floor(replicas * slots_per_replica + _TINY))
        if volume is not None and (not steps or volume > steps[-1][0]):
            steps.append((volume, replicas))
    return steps
