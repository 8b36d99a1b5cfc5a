"""Traces for OpenTelemetry, off unless an endpoint is set (docs/traces.md). Nothing of it is imported before that."""
