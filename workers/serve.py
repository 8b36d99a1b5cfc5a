"""Serves the web process on a socket that somebody else bound: `python -m workers.serve FD`."""

import socket
import sys

import uvicorn

DRAIN_SECONDS = 8


def main() -> None:
    """Runs until SIGTERM; answers that are under way are finished first."""
    listening = socket.socket(fileno=int(sys.argv[1]))
    # No log configuration of uvicorn's own: `create_app` sets one for the whole process.
    config = uvicorn.Config("workers.web:create_app", factory=True, log_config=None, timeout_graceful_shutdown=DRAIN_SECONDS)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
