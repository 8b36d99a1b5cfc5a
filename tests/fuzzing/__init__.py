"""Parsers fed with mutated real inputs: none may crash, hang, or depend on how bytes are cut (docs/fuzzing.md)."""
