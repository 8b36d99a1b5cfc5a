"""Moments on pages that belong to no pilot: UTC, said so."""

from datetime import datetime

from app.reports import figures

UTC_NAME = "UTC"


def utc_moment(moment: datetime | None) -> str:
    """As `21 Nov 2026, 08:12 (UTC)`; "never" where there was none."""
    return "never" if moment is None else figures.moment(moment, UTC_NAME)
