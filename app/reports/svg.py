"""Charts as SVG to stand inside a page."""

import json
import re
from functools import lru_cache
from typing import Any

VEGA_LITE = "6.4"
_ARIA = re.compile(r' (?:role="graphics-[a-z]+"|aria-[a-z]+="[^"]*")')
_STYLE = re.compile(r' style="[^"]*"')
_MARK_ID = re.compile(r'(id="|url\(#|href="#)([A-Za-z]+\d+)')


def chart_svg(specification: dict[str, Any], *, name: str, width: int) -> str:
    """The chart drawn `width` pixels wide, without style attributes and with ids that `name` makes its own.

    Args:
        specification: Vega-Lite with `autosize` fit.
        name: Letters, digits and hyphens; differs from that of every other drawing on the page.
        width: Of the whole drawing.
    """
    return _drawn(json.dumps(specification | {"width": width}, sort_keys=True), name)


@lru_cache(maxsize=64)
def _drawn(specification: str, name: str) -> str:
    import vl_convert  # noqa: PLC0415 - 90 MB that only who draws needs

    svg: str = vl_convert.vegalite_to_svg(specification, vl_version=VEGA_LITE, allowed_base_urls=[])
    without = _STYLE.sub("", _ARIA.sub("", svg))
    own = _MARK_ID.sub(lambda found: f"{found[1]}{name}-{found[2]}", without)
    return own.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
