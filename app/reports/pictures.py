"""Charts as pictures for PDF and slides: from the one definition that a document holds, kept while they are asked for again."""

import json
from functools import lru_cache
from typing import Any

from app.reports.svg import VEGA_LITE, chart_svg

SCALE = 2.5


def chart_vector(specification: dict[str, Any], *, name: str, width: int) -> str:
    """The chart as SVG, in the light colours."""
    return chart_svg(specification, name=name, width=width)


def chart_png(specification: dict[str, Any], *, width: int) -> bytes:
    """The chart as PNG for a screen of any kind, in the light colours."""
    on_white = specification | {"width": width, "config": specification.get("config", {}) | {"background": "#ffffff"}}
    return _png(json.dumps(on_white, sort_keys=True))


@lru_cache(maxsize=32)
def _png(specification: str) -> bytes:
    import vl_convert  # noqa: PLC0415 - 90 MB that only who draws needs

    made: bytes = vl_convert.vegalite_to_png(specification, vl_version=VEGA_LITE, scale=SCALE, allowed_base_urls=[])
    return made
