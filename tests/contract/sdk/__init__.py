"""Scripts that run inside isolated environments, one per major version of an official SDK."""
