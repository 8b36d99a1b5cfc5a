"""Content levels: how much of a text may leave the mirror (CONTRACTS section 3, docs/privacy.md)."""

from app.domain.toml_table import ContentLevel

FULL, MASKED, METADATA = "full", "masked", "metadata"
# From the loosest to the strictest.
LEVELS: tuple[ContentLevel, ...] = ("full", "masked", "metadata")


def strictest(*levels: ContentLevel) -> ContentLevel:
    """The strictest of the levels; `full` of none."""
    return max(levels, key=LEVELS.index, default="full")


def is_at_least(level: ContentLevel, other: ContentLevel) -> bool:
    """Whether a level is as strict as another one, or stricter."""
    return LEVELS.index(level) >= LEVELS.index(other)
