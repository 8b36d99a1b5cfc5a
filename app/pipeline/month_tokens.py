"""The tokens of a month: what other ways out are priced at."""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from app.domain.evidence import Flags, Floats, ReplyColumns


@dataclass(frozen=True, slots=True)
class MonthTokens:
    """Tokens a month, weighted by the requests that each reply stands for; the cached ones are a part of the input."""

    input: float
    cached: float
    output: float


def month_tokens(replies: ReplyColumns, counted: Flags, weights: Floats, month: Decimal | None) -> MonthTokens | None:
    """Tokens of a month; replies without counts are taken to be like the others. `None` without a closed day or counts."""
    rows = counted & replies.answered
    known = rows & ~np.isnan(replies.input_tokens) & ~np.isnan(replies.output_tokens)
    if month is None or not known.any():
        return None
    each = weights[known] * float(weights[rows].sum() / weights[known].sum()) * float(month)
    inputs = replies.input_tokens[known]
    cached = np.minimum(np.nan_to_num(replies.cached_input_tokens[known]), inputs)
    return MonthTokens(float(each @ inputs), float(each @ cached), float(each @ replies.output_tokens[known]))
