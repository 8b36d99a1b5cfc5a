"""Moments on pages that belong to no pilot: UTC, said so."""

from datetime import UTC, datetime

from app.reports import figures


def utc_moment(moment: datetime) -> str:
    """As `21 Nov 2026, 08:12 (UTC)`."""
    return figures.moment(moment, "UTC")


def utc_day(moment: datetime) -> str:
    """As `21 Nov 2026`."""
    day = moment.astimezone(UTC)
    return f"{day.day} {day:%b %Y}"
