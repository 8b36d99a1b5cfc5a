"""Tests of data bundles, without a database."""
