"""What conversations of a kind look like: exact chances of their mean preference, and what people would say of one pair."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from app.statistics.daily import Numbers
from app.statistics.sums import Floats

# Values of 1 to 6, 8, 10, 12, … pairs lie on this grid exactly; those of longer conversations are rounded to it.
GRID = 240
VALUES: Floats = np.arange(GRID + 1) / GRID
OUTCOMES: Floats = np.array([0.0, 0.5, 1.0])
# A judge's ties among the pairs that people call a tie; of its errors on the others half are ties.
TIE_AGREEMENT = 0.7
TIE = 0.5
MOST_PAIRS = 100.0


@dataclass(frozen=True, kw_only=True)
class ConversationModel:
    """Conversations of one kind.

    Attributes:
        win_rate: People's mean preference, in [tie_rate / 2, 1 - tie_rate / 2].
        tie_rate: Share of pairs that people call a tie, in [0, 1).
        icc: Correlation of two pairs of one conversation, in [0, 1]: with its root a pair is what the whole one deserves.
        pairs: Mean number of pairs, in [1, 100]; sizes spread as those of an exponential distribution.
        judge_accuracy: Share of the pairs that people decide on which the judge says the same, in (0, 1]; 1 = it says what
            people would, ties too.
    """

    win_rate: float
    tie_rate: float = 0.3
    icc: float = 0.25
    pairs: float = 2.0
    judge_accuracy: float = 1.0

    def __post_init__(self) -> None:
        """Raises `ValueError` naming the value that is out of range."""
        half = self.tie_rate / 2
        for name, value, is_right in (
            ("tie_rate", self.tie_rate, 0 <= self.tie_rate < 1),
            ("win_rate", self.win_rate, half <= self.win_rate <= 1 - half),
            ("icc", self.icc, 0 <= self.icc <= 1),
            ("pairs", self.pairs, 1 <= self.pairs <= MOST_PAIRS),
            ("judge_accuracy", self.judge_accuracy, 0 < self.judge_accuracy <= 1),
        ):
            if not is_right:
                message = f"{name} is out of range: {value}"
                raise ValueError(message)

    @property
    def of_pair(self) -> Floats:
        """Chances that people find the candidate worse, equal, better, shape (3,)."""
        half = self.tie_rate / 2
        return np.array([1 - self.win_rate - half, self.tie_rate, self.win_rate - half])

    @property
    def judge_table(self) -> Floats:
        """Chances of what the judge says (column) for what people would say (row), shape (3, 3)."""
        wrong = (1 - self.judge_accuracy) / 2
        if wrong == 0:
            return np.eye(3)
        aside = (1 - TIE_AGREEMENT) / 2
        right = self.judge_accuracy
        return np.array([[right, wrong, wrong], [aside, TIE_AGREEMENT, aside], [wrong, wrong, right]])

    @cached_property
    def people(self) -> Floats:
        """Chances of people's mean preference, by `VALUES`."""
        return self._means(np.eye(3))

    @cached_property
    def judged(self) -> Floats:
        """Chances of the judge's mean preference, by `VALUES`."""
        return self._means(self.judge_table)

    @cached_property
    def labelled(self) -> Floats:
        """Chances of (judge's mean, judge of one random pair, people on that pair), shape (241, 3, 3)."""
        found = np.zeros((GRID + 1, 3, 3))
        for share, of_person in self._given_common():
            of_judge = of_person @ self.judge_table
            of_both = (of_person[:, None] * self.judge_table).T
            rest = _powers(of_judge, max(sizes_of(self.pairs)))
            for size, chance in sizes_of(self.pairs).items():
                for said in range(3):
                    at = _place(np.arange(2 * size - 1) + said, size)
                    by_mean = np.bincount(at, weights=rest[size - 1], minlength=GRID + 1)
                    found[:, said, :] += share * chance * by_mean[:, None] * of_both[said]
        return found

    @property
    def sd(self) -> float:
        """Standard deviation of people's mean preference of a conversation.

        Example:
            >>> round(ConversationModel(win_rate=0.5, pairs=1.94).sd, 2)
            0.36
        """
        return math.sqrt(_variance(self.people, VALUES))

    @cached_property
    def judge_weight(self) -> float:
        """The slope of people on the judge, which the correction comes to use: in [0, 1]."""
        both = self.labelled.sum(axis=0)
        x, y = OUTCOMES - TIE, OUTCOMES - TIE
        squares = float((both.sum(axis=1) * x**2).sum())
        return min(1.0, max(0.0, float(x @ both @ y) / squares)) if squares > 0 else 0.0

    @cached_property
    def corrected_parts(self) -> tuple[float, float]:
        """The variance of a people-corrected mean of n conversations with l labels is the first / n + the second / l.

        Example:
            >>> of_all, of_labels = ConversationModel(win_rate=0.5, pairs=1.0, judge_accuracy=0.84).corrected_parts
            >>> round(of_all, 3), round(of_labels, 3)
            (0.096, 0.079)
        """
        means, judge, person = np.meshgrid(VALUES, OUTCOMES, OUTCOMES, indexing="ij")
        weight = self.judge_weight
        missed = person - TIE - weight * (judge - TIE)
        whole = weight * (means - TIE) + missed
        by_label = float((self.labelled * missed**2).sum())
        return _variance(self.labelled, whole) - by_label, by_label

    def _means(self, table: Floats) -> Floats:
        found = np.zeros(GRID + 1)
        for share, of_person in self._given_common():
            sums = _powers(of_person @ table, max(sizes_of(self.pairs)))
            for size, chance in sizes_of(self.pairs).items():
                at = _place(np.arange(2 * size + 1), size)
                found += share * chance * np.bincount(at, weights=sums[size], minlength=GRID + 1)
        return found

    def _given_common(self) -> list[tuple[float, Floats]]:
        """For each outcome that a whole conversation may deserve: its chance, and then those of each of its pairs."""
        own, alike = self.of_pair, math.sqrt(self.icc)
        return [(float(own[outcome]), alike * np.eye(3)[outcome] + (1 - alike) * own) for outcome in range(3)]


def sizes_of(pairs: float) -> dict[int, float]:
    """Numbers of pairs with their chances; the mean is `pairs`.

    Six slices of the exponential distribution, each shared between the two whole numbers around its mean.

    Example:
        >>> found = sizes_of(2.0)
        >>> sorted(found), round(sum(size * chance for size, chance in found.items()), 6)
        ([1, 2, 3, 4], 2.0)
    """
    ends = -np.log1p(-np.arange(6) / 6)
    below = np.append((ends + 1) * np.exp(-ends), 0.0)  # ∫ x e^-x from each end on
    found: dict[int, float] = {}
    for mean in (6 * (below[:-1] - below[1:])).tolist():
        size = 1 + (pairs - 1) * mean
        whole = math.floor(size)
        for number, chance in ((whole, 1 - (size - whole)), (whole + 1, size - whole)):
            if chance > 0:
                found[number] = found.get(number, 0.0) + chance / 6
    return found


def _powers(of_one: Floats, most: int) -> list[Floats]:
    """Chances of the sum, in halves, of 0, 1, …, `most` independent pairs."""
    found = [np.ones(1)]
    for _ in range(most):
        found.append(np.convolve(found[-1], of_one))
    return found


def _place(halves: Numbers, size: int) -> Numbers:
    """Where a sum of so many pairs lies in `VALUES`."""
    return np.round(GRID * halves / (2 * size)).astype(np.int64)


def _variance(chances: Floats, values: Floats) -> float:
    mean = float((chances * values).sum())
    return float((chances * (values - mean) ** 2).sum())
