"""The published client against real loopback servers."""
