"""Parallel Pilot's published client: what runs inside other people's applications; standard library only."""

from parallel_pilot.middleware import ShadowMiddleware
from parallel_pilot.transport import async_shadow_transport, shadow_transport

__version__ = "0.1.0"

__all__ = ["ShadowMiddleware", "__version__", "async_shadow_transport", "shadow_transport"]
