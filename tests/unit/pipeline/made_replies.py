"""One arm's replies as columns, for tests of tokens and money: a test names only what it is about."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.domain.evidence import ReplyColumns, floats, words


@dataclass(frozen=True, slots=True)
class Made:
    """One reply; `there` False = the arm was not asked."""

    inputs: float | None = 1000
    outputs: float | None = 100
    cached: float | None = None
    written: float | None = None
    heard: float | None = None
    spoken: float | None = None
    reasoning: float | None = None
    model: str = ""
    tier: str = ""
    chars: float | None = 400
    failure: str = ""
    there: bool = True


def replies(rows: Sequence[Made]) -> ReplyColumns:
    """The rows as columns; what is not there has nothing."""
    unknown, none = np.full(len(rows), np.nan), words([""] * len(rows))

    def column(name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return floats([getattr(row, name) if row.there else None for row in rows])

    return ReplyColumns(
        is_there=np.array([row.there for row in rows], dtype=bool),
        failures=words([row.failure for row in rows]),
        status=unknown,
        sources=none,
        models=words([row.model for row in rows]),
        service_tiers=words([row.tier for row in rows]),
        input_tokens=column("inputs"),
        cached_input_tokens=column("cached"),
        output_tokens=column("outputs"),
        ttft_any_seconds=unknown,
        ttft_visible_seconds=unknown,
        total_seconds=unknown,
        lag_seconds=unknown,
        content_chars=column("chars"),
        reasoning_tokens=column("reasoning"),
        cache_write_tokens=column("written"),
        audio_input_tokens=column("heard"),
        audio_output_tokens=column("spoken"),
    )
