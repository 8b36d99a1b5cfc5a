"""What checks found in replies, as it is stored: a bit a check, by its place in a set of labels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from app.domain.evidence import Flags, Numbers
from app.domain.exchange import Json

NOTHING = 0
# Under this key a reply's `checks` hold what was found while its text was there.
FINDINGS = "findings"


@dataclass(frozen=True, slots=True)
class Findings:
    """What checks found in one reply, by their labels; nothing of its text.

    Attributes:
        checked: Checks that applied.
        found: Those of them that found something.
    """

    checked: frozenset[str] = frozenset()
    found: frozenset[str] = frozenset()

    @property
    def body(self) -> Json:
        """As they travel beside a reply whose text is not kept."""
        return {"checked": sorted(self.checked), "found": sorted(self.found)}

    @classmethod
    def of(cls, body: Json) -> "Findings":
        """Back from that shape."""
        return cls(frozenset(body["checked"]), frozenset(body["found"]))


@dataclass(frozen=True, slots=True)
class NewFindings:
    """One reply's findings on their way to the store; of one that nothing is known of, both are empty."""

    exchange_id: int
    arm_id: int
    findings: Findings


@dataclass(frozen=True, slots=True, eq=False)
class FindingColumns:
    """One arm's findings, one row an exchange.

    Attributes:
        sets: Under which set of labels it was looked at; 0 = it was not.
        checked: Bits of the checks that applied.
        found: Bits of those that found something.
        labels: The labels of each set, in the order of the bits.
    """

    sets: Numbers
    checked: Numbers
    found: Numbers
    labels: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    @property
    def looked_at(self) -> Flags:
        """Which replies any check applied to: text was there."""
        return np.asarray(self.checked != NOTHING, dtype=bool)

    def of(self, label: str) -> tuple[Flags, Flags]:
        """Where one check applied, and where it found something."""
        checked, found = np.zeros(len(self.sets), dtype=bool), np.zeros(len(self.sets), dtype=bool)
        for number, labels in self.labels.items():
            if label in labels:
                bit = np.int64(1 << labels.index(label))
                rows = self.sets == number
                checked |= rows & ((self.checked & bit) != 0)
                found |= rows & ((self.found & bit) != 0)
        return checked, found


def bits_of(labels: Iterable[str], places: Sequence[str]) -> int:
    """A bit for each label at its place; labels without a place are left out."""
    there = set(labels)
    return sum(1 << place for place, label in enumerate(places) if label in there)


def labels_of(bits: int, places: Sequence[str]) -> frozenset[str]:
    """The labels of bits: the way back."""
    return frozenset(label for place, label in enumerate(places) if bits >> place & 1)
