"""What a model's licence allows, told by its name; the text itself is for people to review."""

import re
from enum import StrEnum

_FILLERS = re.compile(r"licen[sc]e|version|[^a-z0-9.]")
_PERMISSIVE = re.compile(r"apache(2(\.0)?)?|mit0?|x11|isc|0?bsd|bsd\d(clause)?|(the)?un|zlib|cc0(1\.0)?|ccby(\d\.\d)?|bsl1\.0")
_NON_COMMERCIAL = re.compile(r"(^|[^a-z])(nc|mrl|mnpl|non[- _]?commercial|non[- _]?production|research)([^a-z]|$)")
_COMMUNITY = re.compile(r"(^|[^a-z])(llama|gemma|qwen|tongyi|deepseek|community)([^a-z]|$)|meta[- _]?custom")
_REVENUE_THRESHOLD = re.compile(r"(^|[^a-z])(falcon|tii)([^a-z]|$)")


class LicenceKind(StrEnum):
    """How far a name alone tells what is allowed; all but the permissive ones have to be read."""

    PERMISSIVE = "permissive"
    COMMUNITY = "community"
    REVENUE_THRESHOLD = "revenue_threshold"
    NON_COMMERCIAL = "non_commercial"
    OTHER = "other"


def licence_kind(name: str) -> LicenceKind:
    """The kind of a licence, by SPDX's identifiers and the names that vendors use; `OTHER` = somebody has to read it."""
    said = name.strip().lower()
    if _NON_COMMERCIAL.search(said):
        return LicenceKind.NON_COMMERCIAL
    if _PERMISSIVE.fullmatch(_FILLERS.sub("", said)):
        return LicenceKind.PERMISSIVE
    if _REVENUE_THRESHOLD.search(said):
        return LicenceKind.REVENUE_THRESHOLD
    return LicenceKind.COMMUNITY if _COMMUNITY.search(said) else LicenceKind.OTHER
