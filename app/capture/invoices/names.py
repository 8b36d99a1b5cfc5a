"""Names of models as exports write them."""

import re

from app.capture.invoices.fields import MAX_MODEL
from app.domain.invoices import ALL_MODELS

_ROUTES = ("openai/", "azure/", "anthropic/")
_SPLIT = re.compile(r"[\s\-_]+")
_INPUT = frozenset({"inp", "inpt", "input", "in"})
_OUTPUT = frozenset({"outp", "outpt", "output", "opt", "out"})
_CACHED = frozenset({"cached", "cchd", "cd", "cache"})
_BATCH = frozenset({"batch", "btch"})
_PLACES = frozenset(
    {"glbl", "global", "gl", "regnl", "regional", "rgnl", "rg", "dzone", "dzn", "dz", "data", "zone", "datazone"}
)
_NOISE = frozenset({"tokens", "token", "1k", "1m", "pp", "std"})
_VERSION = re.compile(r"^\d{4}$")


def line_item(text: str) -> tuple[str, str]:
    """OpenAI's `gpt-4o-2024-08-06, cached input` as model and kind; nothing = costs that are not split."""
    model, _, kind = text.partition(",")
    return model.strip()[:MAX_MODEL] or ALL_MODELS, kind.strip().lower()


def anthropic_model(text: str) -> str:
    """`Claude Haiku 4.5` of the cost export as `claude-haiku-4-5`; the usage export has the API's names already."""
    name = text.strip()
    return (re.sub(r"[\s.]+", "-", name.lower()) if " " in name else name)[:MAX_MODEL]


def litellm_model(text: str) -> str:
    """Without LiteLLM's route, as in `openai/gpt-5.1`."""
    name = text.strip()
    return next((name.removeprefix(route) for route in _ROUTES if name.startswith(route)), name)[:MAX_MODEL]


def azure_meter(name: str) -> tuple[str, str, str]:
    """Model, kind (`input`, `cached input`, `output`, else "") and tier of a meter such as `gpt-4o-0806-Inp-glbl Tokens`."""
    words = [word for word in _SPLIT.split(name.strip().lower()) if word]
    named = [w for w in words if w not in _INPUT | _OUTPUT | _CACHED | _BATCH | _PLACES | _NOISE and not _VERSION.match(w)]
    if any(word in _OUTPUT for word in words):
        kind = "output"
    elif any(word in _INPUT for word in words):
        kind = "cached input" if any(word in _CACHED for word in words) else "input"
    else:
        kind = ""
    if not kind:
        return name.strip()[:MAX_MODEL], "", ""
    model = "-".join(named)
    model = f"gpt-{model}" if model[:1].isdigit() else model
    return model[:MAX_MODEL] or name.strip()[:MAX_MODEL], kind, "batch" if any(word in _BATCH for word in words) else ""
