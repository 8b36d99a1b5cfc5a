"""Masking: what the rules find, and what they leave alone."""
