"""Whether a stored scorecard still says what is stored: nothing is touched and nothing else changed (decision 23)."""

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel
from sqlalchemy.orm import Session

from app.domain.scorecard import Scorecard
from app.store.scorecards import kept_scorecard
from app.store.touched import has_undecided, is_touched

APP = Path(__file__).resolve().parents[1]
# What computes beside our own code.
LIBRARIES = ("numpy", "scipy", "genai-prices")


def inputs_hash(inputs: Mapping[str, Any], *, days_over: int) -> str:
    """SHA-256 of all that a scorecard rests on beside the evidence: what else is stored, the time, and the program itself.

    Args:
        inputs: Values, dataclasses and models by their name; of any other kind: `TypeError`.
        days_over: How many days of the pilot are over; within a day the clock changes nothing.
    """
    document = {"program": program_hash(), "days_over": days_over, **inputs}
    options = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
    return hashlib.sha256(orjson.dumps(document, default=_plain, option=options)).hexdigest()


def kept_if_fresh(session: Session, pilot_id: int, expected: str) -> Scorecard | None:
    """The stored scorecard, if this transaction sees no evidence that it has not seen.

    Args:
        session: One snapshot; `expected` was made of what it sees.
        pilot_id: Whose.
        expected: The hash of what a scorecard would rest on now.
    """
    if is_touched(session, pilot_id):
        return None
    kept = kept_scorecard(session, pilot_id)
    if kept is None or kept.inputs_hash != expected:
        return None
    return Scorecard.model_validate_json(kept.content)


def hash_to_keep(session: Session, pilot_id: int, expected: str) -> str | None:
    """What a scorecard made of this snapshot is stored with; `None` where the next close would find more to do."""
    return None if has_undecided(session, pilot_id) else expected


@cache
def program_hash() -> str:
    """Of our own code and of the libraries that compute: another program computes anew."""
    digest = hashlib.sha256()
    for path in sorted(path for kind in ("*.py", "*.toml") for path in APP.rglob(kind)):
        digest.update(str(path.relative_to(APP)).encode() + b"\0" + path.read_bytes())
    for name in LIBRARIES:
        digest.update(f"{name}=={version(name)}".encode())
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    message = f"what a scorecard rests on has a part of an unknown kind: {type(value).__name__}"
    raise TypeError(message)
