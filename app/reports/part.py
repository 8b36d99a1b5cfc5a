"""What every part of a document is, and the smallest of them."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Frozen and closed, so that a stored report reads back exactly as it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Fact(Part):
    """A number that stands for itself: `value` in words, `detail` its interval, n and meaning."""

    label: str
    value: str
    detail: str = ""
