"""What an installation leaves in its home, and how it is removed."""

import shutil

from app.settings import Settings
from app.stack.backup import ROUTING
from app.stack.backup_keys import FILES
from app.stack.home import StackHome
from app.stack.postgres import locate_postgres
from app.stack.redis import locate_redis

# What a home holds that was ever used.
TRACES = (*FILES, "postgres", "postgres.name", "redis", ROUTING)


def remove_installation(home: StackHome, settings: Settings) -> None:
    """Removes keys and embedded servers of a home; the servers must not run."""
    if settings.database_url is None and (home.root / "postgres").exists() | (home.root / "postgres.name").exists():
        shutil.rmtree(locate_postgres(home.root, lambda _: None).data.parent, ignore_errors=True)
    if settings.redis_url is None and (home.root / "redis").exists():
        shutil.rmtree(locate_redis(home.root).folder, ignore_errors=True)
    for name in (*FILES, "postgres.name", ROUTING):
        (home.root / name).unlink(missing_ok=True)
    shutil.rmtree(home.root / "postgres", ignore_errors=True)
