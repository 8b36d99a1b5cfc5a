"""How cells look; inputs are yellow and alone may be changed."""

from typing import Any

USD, USD_WHOLE, USD_RATE = '"$"#,##0.00;-"$"#,##0.00', '"$"#,##0;-"$"#,##0', '"$"#,##0.######;-"$"#,##0.######'
_TOP: dict[str, Any] = {"valign": "top"}
_INPUT: dict[str, Any] = {"bg_color": "#FFF2B3", "border": 1, "border_color": "#BFA940", "locked": False, **_TOP}
_TOTAL: dict[str, Any] = {"bold": True, "top": 1, **_TOP}
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
    "text": {"text_wrap": True, **_TOP},
    "outside": {"text_wrap": True, "quote_prefix": True, **_TOP},
    "strong": {"bold": True, "text_wrap": True, **_TOP},
    "words": {"text_wrap": True, "font_size": 14, "bold": True, **_TOP},
    "note": {"font_color": "#565D65", "text_wrap": True, **_TOP},
    "warning": {"font_color": "#6B4A00", "bg_color": "#FFF6DD", "text_wrap": True, **_TOP},
    "unknown": {"font_color": "#565D65", "italic": True, "align": "right", **_TOP},
    "loss": {"font_color": "#A32A12"},
    "check": {"bold": True, "align": "right", **_TOP},
    "check_left": {"bold": True, **_TOP},
    **{name: {"num_format": shown, **_TOP} for name, shown in _NUMBERS.items()},
    **{f"input_{name}": {"num_format": shown, **_INPUT} for name, shown in _NUMBERS.items()},
    **{f"total_{name}": {"num_format": shown, **_TOTAL} for name, shown in _NUMBERS.items()},
}
