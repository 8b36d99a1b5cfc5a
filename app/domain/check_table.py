"""The user's own rules about replies: `[[check]]` of `pilot.toml`."""

from collections.abc import Sequence
from typing import Literal

from app.domain.toml_table import BoundedPattern, Name, Table, at

MAX_OWN_CHECKS = 40


class CheckTable(Table):
    """`[[check]]`: a regular expression that each reply must match somewhere, or nowhere.

    Attributes:
        segment: The only kind of work that it is about; default: all.
    """

    name: Name
    pattern: BoundedPattern
    must: Literal["match", "not_match"]
    segment: Name | None = None


def check_names(tables: Sequence[CheckTable], segments: Sequence[str]) -> None:
    """Refuses two checks of one name, and a check of a segment that there is not.

    Args:
        tables: All `[[check]]`.
        segments: The registered segments and `other`.

    Raises:
        PydanticCustomError: It names the key.
    """
    for place, table in enumerate(tables):
        if any(table.name == before.name for before in tables[:place]):
            raise at("check", place, "name", message=f"two [[check]] tables have the name '{table.name}'", code="twice")
        if table.segment is not None and table.segment not in segments:
            message = f"no segment is called '{table.segment}'; allowed: {', '.join(segments)}"
            raise at("check", place, "segment", message=message, code="unknown_segment")
