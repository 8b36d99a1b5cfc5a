"""Data bundles: everything from which each figure of a report can be computed again, without a database."""
