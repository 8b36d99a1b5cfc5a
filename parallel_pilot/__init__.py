"""Parallel Pilot's published client: what runs inside other people's applications; standard library only."""

__version__ = "0.1.0"

__all__ = ["__version__"]
