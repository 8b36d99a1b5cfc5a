"""What is stored of a pilot as columns: one array a fact, so that 100,000 exchanges are summed in milliseconds.

Rows are sorted by the exchange's own id, whatever the order of import, so that every sum is the same to the last bit.
Missing numbers are NaN, missing words are "".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Numbers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Words: TypeAlias = NDArray[np.object_]
_SMALL = np.iinfo(np.int16).max


@dataclass(frozen=True, slots=True, eq=False)
class ExchangeColumns:
    """One row an exchange.

    Attributes:
        ids: The store's numbers.
        external_ids: The users' ids; the rows' order.
        arrived_us: Arrival in microseconds since 1970 (UTC).
        reasons: The intrinsic part of the ledger's reason.
        is_closed: Whether all awaited replies came.
        turns: Which turn of its conversation it is, from 1; NaN = not said.
    """

    ids: Numbers
    external_ids: Words
    arrived_us: Numbers
    conversations: Words
    segments: Words
    inclusion_probability: Floats
    sample_points: Floats
    reasons: Words
    sources: Words
    is_closed: Flags
    turns: Floats

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class ReplyColumns:
    """One arm's replies, one row an exchange; `is_there` False = none is stored. `failures` "" = it answered.

    `service_tiers` "" = the server named none.
    """

    is_there: Flags
    failures: Words
    status: Floats
    sources: Words
    models: Words
    service_tiers: Words
    input_tokens: Floats
    cached_input_tokens: Floats
    output_tokens: Floats
    ttft_any_seconds: Floats
    ttft_visible_seconds: Floats
    total_seconds: Floats
    lag_seconds: Floats
    content_chars: Floats
    reasoning_tokens: Floats
    cache_write_tokens: Floats
    audio_input_tokens: Floats
    audio_output_tokens: Floats

    @property
    def failed(self) -> Flags:
        """Which rows hold a failure."""
        return np.asarray(self.is_there & (self.failures != ""), dtype=bool)

    @property
    def answered(self) -> Flags:
        """Which rows hold a reply."""
        return np.asarray(self.is_there & (self.failures == ""), dtype=bool)


@dataclass(frozen=True, slots=True, eq=False)
class PairColumns:
    """One arm's pairs, one row an exchange."""

    is_there: Flags
    is_settled: Flags
    rules: Words
    preferences: Floats
    ungraded: Words


@dataclass(frozen=True, slots=True, eq=False)
class GradeColumns:
    """One row a grade of an arm; `rows` points to the exchange. `shown_first` "" = unknown or no order."""

    rows: Numbers
    graders: Words
    raters: Words
    shown_first: Words
    values: Floats
    ungraded: Words
    is_imported: Flags
    graded_us: Numbers
    versions: Words

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, chosen: Flags | Numbers) -> "GradeColumns":
        """Only some rows, or all in another order."""
        return GradeColumns(*(getattr(self, name)[chosen] for name in self.__slots__))


@dataclass(frozen=True, slots=True, eq=False)
class LabelColumns:
    """One row a person's preference of a pair.

    Attributes:
        rows: Which exchange.
        values: NaN = skipped.
        draw_probability: The conversation's chance to be drawn; NaN = not given, the label measures agreement only.
        labelled_us: When it was made, in microseconds since 1970 (event time).
        is_critical: Marked as a reply that must never happen.
        sources: `page` or `imported`.
    """

    rows: Numbers
    raters: Words
    values: Floats
    draw_probability: Floats
    labelled_us: Numbers
    is_critical: Flags
    sources: Words

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True, eq=False)
class ArmEvidence:
    """All that is known of one arm beside the incumbent."""

    replies: ReplyColumns
    pairs: PairColumns
    grades: GradeColumns
    labels: LabelColumns


@dataclass(frozen=True, slots=True, eq=False)
class LiveColumns:
    """What only live exchanges have, one row an exchange.

    Attributes:
        is_live: Which are.
        sampling_rates: The rate that held when it was sampled; 1 where none did.
        users: Keyed digests of who asked; "" = not said.
        folded_attempts: Attempts of the client's SDK before the one that decides.
        failed_attempts: Those of them that failed.
        skipped: Why an arm was not asked, by the arm's name; "" = it was, or is not asked yet.
        queue_lag_seconds: From arrival to the call of an arm, by its name.
        control: The incumbent asked again; `None` = there is no such arm.
    """

    is_live: Flags
    sampling_rates: Floats
    users: Words
    folded_attempts: Numbers
    failed_attempts: Numbers
    skipped: dict[str, Words]
    queue_lag_seconds: dict[str, Floats]
    control: ArmEvidence | None


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """All that is known of a pilot; `arms` by the arm's name, `live` `None` = nothing came live."""

    exchanges: ExchangeColumns
    incumbent: ReplyColumns
    arms: dict[str, ArmEvidence]
    live: LiveColumns | None = None


def words(values: list[Any]) -> Words:
    """A column of words; `None` becomes ""."""
    column = np.empty(len(values), dtype=object)
    column[:] = ["" if value is None else value for value in values]
    return column


def floats(values: list[Any]) -> Floats:
    """A column of numbers; `None` becomes NaN."""
    return np.array(values, dtype=np.float64)


def codes(column: Words) -> tuple[Numbers, list[str]]:
    """Each word's place in the sorted list of the different ones, and that list."""
    listed = column.tolist()
    different = sorted(set(listed))
    place = {word: number for number, word in enumerate(different)}
    return np.fromiter(map(place.__getitem__, listed), dtype=np.int64, count=len(listed)), different


def places_by_number(numbers: Numbers) -> Iterator[tuple[int, Numbers]]:
    """Each different number, ascending, and where it is: looked for once, not once a number."""
    small = len(numbers) and np.abs(numbers).max() <= _SMALL
    order = np.argsort(numbers.astype(np.int16) if small else numbers, kind="stable")  # small numbers need one pass
    ordered = numbers[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if len(ordered) else order
    yield from zip(ordered[starts].tolist(), np.split(order, starts[1:]), strict=False)
