"""How much of production's load the candidate saw: as the only server it would see all of it."""

import numpy as np

from app.domain.evidence import ArmEvidence, Flags, Floats, Numbers
from app.domain.operation_models import LoadModel
from app.domain.words import Source

_MINUTE_US = 60_000_000


def load_of(arm: ArmEvidence, counted: Flags, arrived_us: Numbers, weights: Floats) -> LoadModel:
    """The candidate's share of the requests of closed days.

    Only requests that were mirrored as they came put load on it: imported and replayed replies came at another pace, and what
    was refused for its unavailability never reached it, but was sent its way.

    Args:
        arm: The candidate's replies.
        counted: Exchanges of closed days that count.
        arrived_us: When each arrived.
        weights: How many production requests each stands for.
    """
    asked = counted & arm.replies.is_there & np.asarray(arm.replies.sources == Source.LIVE.value, dtype=bool)
    number, production = int(asked.sum()), float(weights[counted].sum())
    if not production:
        return LoadModel(words="no day is closed yet")
    if not number:
        words = "the candidate was never asked as requests came: what load it was under is not known"
        return LoadModel(production_requests=round(production, 6), words=words)
    own, whole = _peak(arrived_us[asked], np.ones(number)), _peak(arrived_us[counted], weights[counted])
    share = min(1.0, number / production)
    return LoadModel(
        asked=number,
        production_requests=round(production, 6),
        share=share,
        asked_per_minute_peak=own,
        production_per_minute_peak=whole,
        peak_share=min(1.0, own / whole),
        words=_words(share, own, whole),
    )


def _words(share: float, own: int, whole: int) -> str:
    if own >= whole and share > 0.99:  # noqa: PLR2004 - all but a few
        return f"the candidate saw all of production's requests, {whole:,} in the busiest minute; more than that was not tried"
    return (
        f"the candidate saw {share:.0%} of production's requests, at most {own:,} a minute where production had {whole:,}; as "
        "the only server it would see all"
    )


def _peak(arrived_us: Numbers, weights: Floats) -> int:
    """Most requests in a clock minute."""
    _, minute = np.unique(arrived_us // _MINUTE_US, return_inverse=True)
    return int(np.ceil(np.round(np.bincount(minute, weights=weights).max(), 6)))
