"""Brings a database to the newest revision."""

from pathlib import Path

from alembic import command
from alembic.config import Config

ROOT = Path(__file__).resolve().parents[2]


def alembic_configuration(database_url: str) -> Config:
    """Alembic's configuration for one database."""
    configuration = Config(str(ROOT / "alembic.ini"))
    configuration.attributes["url"] = database_url
    return configuration


def upgrade_database(database_url: str, revision: str = "head") -> None:
    """Runs every missing migration; safe to call from several processes at once."""
    command.upgrade(alembic_configuration(database_url), revision)
