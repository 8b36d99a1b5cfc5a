"""The service: everything behind the API, never published as a package."""
