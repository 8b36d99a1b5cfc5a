"""Formats in which exchanges reach us, each with its version."""
