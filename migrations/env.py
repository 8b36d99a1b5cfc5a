"""Alembic's entry: the URL comes from the caller (`app.store.migrate`) or from PILOT_DATABASE_URL."""

import os
from typing import Any

from alembic import context
from sqlalchemy import create_engine, text

from app.store.schema import METADATA

# Another process may hold a lock for long; a migration that waits blocks all who queue behind it.
LOCK_TIMEOUT = "10s"


def include(item: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:  # noqa: ARG001
    """Partitions are made at run time and are no part of the model."""
    return not (kind == "table" and reflected and compare_to is None and (name or "").startswith("payloads_"))


def run() -> None:
    """Runs the asked migrations in one transaction under an advisory lock, so that several processes may try at once."""
    url = context.config.attributes.get("url") or os.environ["PILOT_DATABASE_URL"]
    engine = create_engine(url)
    with engine.connect() as connection:
        context.configure(
            connection=connection, target_metadata=METADATA, include_object=include, compare_server_default=False,
            transaction_per_migration=False,
        )  # fmt: skip
        with context.begin_transaction():
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('parallel-pilot-migrations'))"))
            context.run_migrations()
    engine.dispose()


run()
