"""Metrics of a process's connections to PostgreSQL. Import it after `app.metrics.share_metrics`."""

from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy import Engine
from sqlalchemy.pool import QueuePool

from app.store.pool_watch import WatchedPool

_LABELS = ["process"]
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

most = Gauge("pilot_database_pool_most", "Connections that processes may have.", _LABELS, multiprocess_mode="livesum")
in_use = Gauge("pilot_database_pool_in_use", "Connections that are in use.", _LABELS, multiprocess_mode="livesum")
beyond = Gauge("pilot_database_pool_overflow", "Connections beyond those kept.", _LABELS, multiprocess_mode="livesum")
timeouts = Counter("pilot_database_pool_timeouts_total", "Waits for a connection that were in vain.", _LABELS)
waits = Histogram("pilot_database_pool_wait_seconds", "Getting a connection, connecting included.", _LABELS, buckets=_SECONDS)


def watch_pool(engine: Engine, process: str) -> None:
    """From now on the metrics tell of the process's one pool."""
    seconds, in_vain = waits.labels(process), timeouts.labels(process)
    out, overflow = in_use.labels(process), beyond.labels(process)

    def show(pool: QueuePool) -> None:
        if pool is engine.pool:  # a process may have another engine for a moment, or has disposed of this pool
            out.set(pool.checkedout())
            overflow.set(max(0, pool.overflow()))

    def taken(pool: QueuePool, waited: float, is_in_vain: bool) -> None:
        if pool is engine.pool:
            seconds.observe(waited)
            in_vain.inc(is_in_vain)
            show(pool)

    WatchedPool.on_taken, WatchedPool.on_returned = taken, show
    pool = engine.pool
    if isinstance(pool, QueuePool):
        most.labels(process).set(pool.size() + max(0, pool._max_overflow))
        show(pool)
