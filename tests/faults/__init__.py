"""Faults under traffic: ways to hurt a running stack, and what production may notice of them (docs/faults.md)."""
