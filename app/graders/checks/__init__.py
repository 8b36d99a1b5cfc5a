"""Rules that look at one reply at a time, whichever arm's: they describe, and decide nothing (docs/graders.md)."""
