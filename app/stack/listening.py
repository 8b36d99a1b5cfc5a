"""The listening sockets of API and gateway: bound by the supervisor, so that a restarted process loses no connection."""

import errno
import socket
import time

from app.errors import StackError

BACKLOG = 2048
RETRY_SECONDS = 0.005
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound


def listen(bind: str, port: int, setting: str, *, fall_back: bool = False) -> socket.socket:
    """A listening socket.

    Args:
        bind: Address of this machine.
        port: Port; 0 lets the system choose a free one.
        setting: Name of the setting that chooses the port, for the message.
        fall_back: Take any free port if this one is in use.
    """
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((bind, port))
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE and fall_back and port:
            return listen(bind, 0, setting)
        raise StackError(_why(bind, port, setting, error)) from error
    listening.listen(BACKLOG)
    return listening


def listen_when_free(bind: str, port: int, setting: str, *, fall_back: bool, wait_seconds: float) -> socket.socket:
    """The same, where whoever has the port is about to let go of it."""
    until = time.monotonic() + wait_seconds
    while time.monotonic() < until:
        try:
            return listen(bind, port, setting)
        except StackError:
            time.sleep(RETRY_SECONDS)
    return listen(bind, port, setting, fall_back=fall_back)


def url_of(listening: socket.socket) -> str:
    """Where programs of this machine reach it."""
    host, port = listening.getsockname()[:2]
    host = ANYWHERE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _why(bind: str, port: int, setting: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {bind} is in use by another program: end it, or set {setting} to a free port"
    if error.errno == errno.EACCES:
        return f"port {port} on {bind} is not open to this user: set {setting} to a port from 1024 up"
    return f"cannot listen on {bind} port {port} ({error.strerror or error}): set PILOT_BIND to an address of this machine"
