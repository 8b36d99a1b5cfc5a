"""Figures as they are stored: ten significant digits, so that every machine computes the same ones (decision 33).

Processors add the same numbers up in another order and round the 16th digit otherwise; no figure here means anything beyond the
tenth.
"""

from typing import Any

import orjson

from app.domain.scorecard import Scorecard

DIGITS = 10


def with_stored_digits(card: Scorecard) -> Scorecard:
    """The same scorecard as it is stored and read again."""
    return Scorecard.model_validate(_rounded(orjson.loads(card.model_dump_json(by_alias=True))))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return value if value.is_integer() else float(f"{value:.{DIGITS - 1}e}")
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else value
