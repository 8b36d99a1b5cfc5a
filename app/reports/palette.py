"""Colours of arms and signs, after Okabe and Ito: told apart with any colour vision, and never alone.

Charts are drawn with the light colours; pages re-colour them for the dark by matching the attribute.
"""

from typing import NamedTuple


class Ink(NamedTuple):
    """A colour on light and on dark ground."""

    light: str
    dark: str


INCUMBENT = Ink("#0072b2", "#56b4e9")
CANDIDATES = (Ink("#d55e00", "#f08a4b"), Ink("#009e73", "#2cc69b"), Ink("#b0568a", "#d991b9"), Ink("#8a6d00", "#e6c229"))
TEXT = Ink("#1c2024", "#eceef0")
QUIET = Ink("#5a6169", "#a9b1ba")
GRID = Ink("#dfe3e6", "#363c43")
RULE = Ink("#3d444b", "#c6ccd2")
GROUND = Ink("#fefefe", "#14171a")
INKS = (INCUMBENT, *CANDIDATES, TEXT, QUIET, GRID, RULE, GROUND)


def arm_ink(arm: int) -> Ink:
    """The colour of an arm: 0 the incumbent, 1 the first candidate, and so on, round again after the last."""
    return INCUMBENT if arm == 0 else CANDIDATES[(arm - 1) % len(CANDIDATES)]


def arm_class(arm: int) -> str:
    """The style class of an arm's colour."""
    return f"arm-{0 if arm == 0 else (arm - 1) % len(CANDIDATES) + 1}"
