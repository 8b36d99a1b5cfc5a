"""Microsoft Presidio as one more rule, where it is installed: it finds names and places, which have no shape.

It is no dependency of ours: `pip install presidio-analyzer` and a spaCy model beside the service (docs/privacy.md).
"""

import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from app.capture.masking.spans import Rule, Span

MODULE = "presidio_analyzer"
LEAST_SCORE = 0.5
_KIND = re.compile(r"[^A-Z0-9_]")
_KIND_CHARS = 30


class Analyzer(Protocol):
    """As much of `presidio_analyzer.AnalyzerEngine` as is used."""

    def analyze(self, text: str, language: str, *, score_threshold: float) -> Sequence[Any]:
        """Results with `entity_type`, `start`, `end` and `score`."""


class EngineMissing(Exception):
    """Presidio is asked for, and not there or without its language model."""


def is_installed() -> bool:
    """Whether the library can be imported here."""
    return find_spec(MODULE) is not None


def load_analyzer() -> Analyzer:
    """Presidio's engine with its default recognisers.

    Raises:
        EngineMissing: It is not installed, or its language model is missing.
    """
    try:
        engine: Analyzer = import_module(MODULE).AnalyzerEngine()
    except (ImportError, OSError, SystemExit, ValueError) as error:
        message = f"Presidio cannot be used here: {error}"
        raise EngineMissing(message) from error
    return engine


def presidio_rule(analyzer: Analyzer, language: str) -> Rule:
    """A rule that finds what Presidio does."""

    def find(text: str, _: str = "") -> Iterator[Span]:
        for found in analyzer.analyze(text=text, language=language, score_threshold=LEAST_SCORE):
            kind = _KIND.sub("_", found.entity_type.upper())[:_KIND_CHARS]
            yield Span(found.start, found.end, kind, text[found.start : found.end].casefold())

    return find
