"""Rules over what was measured of a reply that more than one layer needs; they take one value or a whole column."""

from typing import Any

import numpy as np

from app.domain.evidence import Flags, Floats

LAG_LIMIT_SECONDS = 0.005
"""Above this event-loop lag an observation is left out of quantiles and counted (ARCHITECTURE section 4)."""

CLIENT_STATUSES = (400, 499)
SERVER_FAULTS = (408, 429)
"""Statuses of the 4xx range that are the server's fault, not the client's (CONTRACTS section 5)."""


def is_client_status(status: Any) -> Flags:
    """Whether an HTTP status says that the request itself was at fault; an unknown one (NaN) does not."""
    first, last = CLIENT_STATUSES
    given = np.asarray(status, dtype=np.float64)
    return np.asarray((given >= first) & (given <= last) & ~np.isin(given, SERVER_FAULTS), dtype=bool)


def tpot_seconds(ttft_any_seconds: Any, total_seconds: Any, output_tokens: Any) -> Floats:
    """Time per output token after the first, in seconds: (E2E - TTFT any) / (output tokens - 1).

    Args:
        ttft_any_seconds: Time to the first token of any kind.
        total_seconds: Time to the last byte.
        output_tokens: All generated tokens by the server's usage, reasoning included; never a number of chunks.

    Returns:
        NaN under two tokens, where a part is unknown (`None` or NaN), and where the times contradict each other.
    """
    first, last, tokens = (np.asarray(part, dtype=np.float64) for part in (ttft_any_seconds, total_seconds, output_tokens))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (last - first) / (tokens - 1)
        return np.where((tokens >= 2) & (found >= 0), found, np.nan)  # noqa: PLR2004 - there is no gap under two tokens
