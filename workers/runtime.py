"""What a task is given: settings, database sessions and a way to send jobs, built once in each process."""

import os
from dataclasses import dataclass, field
from functools import lru_cache

from app.capture.sealing import load_digest_key
from app.errors import StackError
from app.jobs import make_publish
from app.pipeline.hold import BacklogLimits, LiveHold, RecorderHold
from app.pipeline.last_look import LastLook
from app.pipeline.text_keys import open_texts
from app.settings import Settings
from app.store.limits import worker_limits
from app.store.session import Publish, SessionFactory, make_engine, make_session_factory
from workers.ending import is_ending


@dataclass(frozen=True, slots=True)
class Runtime:
    """The collaborators of one worker process."""

    settings: Settings
    session_factory: SessionFactory
    publish: Publish
    hold: RecorderHold
    live_hold: LiveHold
    last_look: LastLook = field(default_factory=LastLook)

    @property
    def digest_key(self) -> bytes:
        """The installation's key of digests and placeholders."""
        given = self.settings.stream_key
        return load_digest_key(self.settings.home, given.get_secret_value() if given else None)


def runtime() -> Runtime:
    """This process's runtime; made at the first call after a fork, since connections must not cross one."""
    return _made_in(os.getpid())


@lru_cache(maxsize=1)
def _made_in(_process: int) -> Runtime:
    from app.store.pool_metrics import watch_pool  # noqa: PLC0415 - metrics are shared from here on

    settings = Settings()
    if settings.database_url is None or settings.redis_url is None:
        message = "a worker needs PILOT_DATABASE_URL and PILOT_REDIS_URL (./run up sets them)"
        raise StackError(message)
    engine = make_engine(settings.database_url, limits=worker_limits(settings))
    watch_pool(engine, "worker")
    publish = make_publish(settings.redis_url, redelivered_seconds=settings.job_redelivery_seconds)
    hold = RecorderHold(settings.redis_url, BacklogLimits.of(settings), is_ending)
    return Runtime(
        settings, make_session_factory(engine, texts=open_texts(settings)), publish, hold, LiveHold(hold, settings.redis_url)
    )
