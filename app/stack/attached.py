"""The two servers of an installation for the time of a command: those that run, else started and ended again."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from app.errors import StackError
from app.settings import Settings
from app.stack.home import StackHome
from app.stack.postgres import locate_postgres, start_postgres
from app.stack.redis import locate_redis, start_redis

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Servers:
    """Where they are."""

    database_url: str
    redis_url: str


@contextmanager
def attached(home: StackHome, settings: Settings, say: Say) -> Iterator[Servers]:
    """PostgreSQL and Redis of the settings, else the embedded ones of the home.

    Raises:
        StackError: The stack of the home is just being started or ended.
    """
    with ExitStack() as held:
        is_ours = held.enter_context(home.lock())
        database_url, redis_url = settings.database_url, settings.redis_url
        if database_url is None:
            postgres = locate_postgres(home.root, say)
            if postgres.pid() is None:
                _refuse_other(is_ours)
                held.callback(start_postgres(home.root, say).stop)
            database_url = postgres.url
        if redis_url is None:
            server = locate_redis(home.root)
            if server.pid() is None:
                _refuse_other(is_ours)
                held.callback(start_redis(home.root).stop)
            redis_url = server.url
        yield Servers(database_url, redis_url)


def _refuse_other(is_ours: bool) -> None:
    if not is_ours:
        message = "the stack is just being started or ended; try again when ./run status shows it as running"
        raise StackError(message)
