"""The API behind a real socket, in a thread, for tests of what speaks to it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

START_SECONDS = 20


@contextmanager
def served(api: ASGIApp) -> Iterator[str]:
    """Serves an application on a free port of loopback and gives its address."""
    server = uvicorn.Server(uvicorn.Config(api, host="127.0.0.1", port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    until = time.monotonic() + START_SECONDS
    try:
        while not server.started:
            if time.monotonic() > until or not thread.is_alive():
                message = "the API did not start"
                raise RuntimeError(message)
            time.sleep(0.01)
        (bound,) = server.servers[0].sockets
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
