"""How cells look; inputs are yellow and alone may be changed."""

from typing import Any

USD, USD_WHOLE, USD_RATE = '"$"#,##0.00;-"$"#,##0.00', '"$"#,##0;-"$"#,##0', '"$"#,##0.######;-"$"#,##0.######'
_MIDDLE: dict[str, Any] = {"valign": "vcenter"}
_INPUT: dict[str, Any] = {"bg_color": "#FFF2B3", "border": 1, "border_color": "#BFA940", "locked": False, **_MIDDLE}
_TOTAL: dict[str, Any] = {"bold": True, "top": 1, **_MIDDLE}
_NUMBERS = {
    "usd": USD,
    "usd_whole": USD_WHOLE,
    "usd_rate": USD_RATE,
    "percent": "0.0%",
    "factor": "0%",
    "count": "#,##0",
    "number": "#,##0.00",
    "exact": "#,##0.00####",
    "rate": "0.0000",
    "seconds": "0.000",
    "moment": "yyyy-mm-dd hh:mm",
}
LOOKS: dict[str, dict[str, Any]] = {
    "title": {"bold": True, "font_size": 16},
    "heading": {"bold": True, "font_size": 12, "top": 2, "top_color": "#8B939B"},
    "header": {"bold": True, "bg_color": "#EDF0F2", "bottom": 1, "text_wrap": True, "valign": "bottom"},
    "header_number": {
        "bold": True,
        "bg_color": "#EDF0F2",
        "bottom": 1,
        "text_wrap": True,
        "valign": "bottom",
        "align": "right",
    },
    "text": {"text_wrap": True, **_MIDDLE},
    "outside": {"text_wrap": True, "quote_prefix": True, **_MIDDLE},
    "strong": {"bold": True, "text_wrap": True, **_MIDDLE},
    "words": {"text_wrap": True, "font_size": 14, "bold": True, **_MIDDLE},
    "note": {"font_color": "#565D65", "text_wrap": True, **_MIDDLE},
    "warning": {"font_color": "#6B4A00", "bg_color": "#FFF6DD", "text_wrap": True, **_MIDDLE},
    "unknown": {"font_color": "#565D65", "italic": True, "align": "right", **_MIDDLE},
    "loss": {"font_color": "#A32A12"},
    "check": {"bold": True, **_MIDDLE},
    **{name: {"num_format": shown, "align": "right", **_MIDDLE} for name, shown in _NUMBERS.items()},
    **{f"input_{name}": {"num_format": shown, **_INPUT} for name, shown in _NUMBERS.items()},
    **{f"total_{name}": {"num_format": shown, "align": "right", **_TOTAL} for name, shown in _NUMBERS.items()},
}
