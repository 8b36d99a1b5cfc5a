"""Serves the web process: `python -m workers.serve FD` on a socket that somebody else bound, or `--host HOST --port PORT`."""

import argparse
import socket

import uvicorn

from app.metrics import share_metrics
from app.settings import Settings

DRAIN_SECONDS = 8


def main() -> None:
    """Runs until SIGTERM; answers that are under way are finished first."""
    options = _parser().parse_args()
    settings = Settings()
    share_metrics(settings.metrics_folder or settings.home / "metrics")
    # No log configuration of uvicorn's own: `create_app` sets one for the whole process.
    config = uvicorn.Config(
        "workers.web:create_app",
        factory=True,
        log_config=None,
        access_log=False,  # its lines have queries; `app.api.request_log` writes ours
        timeout_graceful_shutdown=DRAIN_SECONDS,
        host=options.host,
        port=options.port,
    )
    listening = None if options.fd is None else [socket.socket(fileno=options.fd)]
    uvicorn.Server(config).run(sockets=listening)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers.serve", description=__doc__)
    parser.add_argument("fd", nargs="?", type=int, help="number of an inherited listening socket")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    return parser


if __name__ == "__main__":
    main()
