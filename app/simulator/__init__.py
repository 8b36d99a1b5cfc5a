"""Simulated models and traffic behind real HTTP, for the demo, tests and benches."""
