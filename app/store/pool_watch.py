"""How a process's connections to PostgreSQL are used, told to whoever watches."""

from collections.abc import Callable
from time import perf_counter
from typing import ClassVar

from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from typing_extensions import override

Taken = Callable[[QueuePool, float, bool], None]
"""A connection was got, or not: after how many seconds, and whether in vain."""


class WatchedPool(QueuePool):
    """Tells how long a connection was waited for, and when one came back; by itself it tells nobody."""

    on_taken: ClassVar[Taken | None] = None
    on_returned: ClassVar[Callable[[QueuePool], None] | None] = None

    @override
    def _do_get(self) -> ConnectionPoolEntry:
        begun, is_in_vain = perf_counter(), False
        try:
            return super()._do_get()
        except PoolTimeout:
            is_in_vain = True
            raise
        finally:
            if WatchedPool.on_taken is not None:
                WatchedPool.on_taken(self, perf_counter() - begun, is_in_vain)

    @override
    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        super()._do_return_conn(record)
        if WatchedPool.on_returned is not None:
            WatchedPool.on_returned(self)
