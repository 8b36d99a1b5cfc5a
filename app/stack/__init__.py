"""The local stack: embedded PostgreSQL and Redis, and the supervisor of `./run up`."""
