"""Masking: rules that find personal values and secrets by their shape, and the placeholders that take their place.

A rule takes a text and the name that the text has (a JSON key, `""` if none) and gives spans. Every rule is deterministic and
its time grows with the text's length only. What rules cannot find is said in docs/privacy.md.
"""
