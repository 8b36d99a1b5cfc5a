"""The one style of reports and pages, the colours of charts in the dark included."""

from functools import cache
from pathlib import Path

from app.reports.palette import CANDIDATES, INCUMBENT, INKS

_FILE = Path(__file__).with_name("look.css")


@cache
def stylesheet() -> str:
    """The style sheet; the same text goes into every report and is served to the pages."""
    return "\n".join([_FILE.read_text(), _arms(), _dark_charts()])


def _arms() -> str:
    inks = [INCUMBENT, *CANDIDATES]
    light = "\n".join(f".arm-{place} {{ --arm: {ink.light}; }}" for place, ink in enumerate(inks))
    dark = "\n".join(f".arm-{place} {{ --arm: {ink.dark}; }}" for place, ink in enumerate(inks))
    return f"{light}\n{_in_the_dark(dark)}"


def _dark_charts() -> str:
    rules = (
        f'.chart [{attribute}="{ink.light}"] {{ {attribute}: {ink.dark}; }}' for ink in INKS for attribute in ("fill", "stroke")
    )
    return _in_the_dark("\n".join(rules))


def _in_the_dark(rules: str) -> str:
    return f"@media screen and (prefers-color-scheme: dark) {{\n{rules}\n}}"
