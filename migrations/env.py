"""Alembic's entry: the URL comes from the caller (`app.store.migrate`) or from PILOT_DATABASE_URL."""

import os
from typing import Any

from alembic import context
from sqlalchemy import NullPool, create_engine, text

from app.store.schema import METADATA

# What waits for a lock makes all wait who ask for the table after it: `app.store.migrate` gives up soon and tries again.
LOCK_SECONDS = 2.0
LOCK = "hashtext('parallel-pilot-migrations')"


def include(item: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:  # noqa: ARG001
    """Partitions are made at run time and are no part of the model."""
    return not (kind == "table" and reflected and compare_to is None and (name or "").startswith("payloads_"))


def run() -> None:
    """Runs the asked migrations in one transaction; one process at a time, whatever a revision commits by itself."""
    given = context.config.attributes
    name = given.get("application_name", "pilot-migration")
    engine = create_engine(
        given.get("url") or os.environ["PILOT_DATABASE_URL"], poolclass=NullPool, connect_args={"application_name": name}
    )
    with engine.connect() as connection:
        context.configure(
            connection=connection, target_metadata=METADATA, include_object=include, compare_server_default=False,
            transaction_per_migration=False,
        )  # fmt: skip
        with context.begin_transaction():
            connection.execute(text(f"SET lock_timeout = {int(given.get('lock_seconds', LOCK_SECONDS) * 1000)}"))
            # Of the session: it holds over an index that is made concurrently, which ends the transaction. Gone with it.
            connection.execute(text(f"SELECT pg_advisory_lock({LOCK})"))
            context.run_migrations()
    engine.dispose()


run()
