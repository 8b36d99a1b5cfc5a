"""Runs users' functions in a process of its own: reads one JSON line, writes one. Standard library alone, run as a script.

Never imported by the service. What a function prints goes nowhere; its answer is bounded; a call that hangs ends the process
even if nobody is left to end it.
"""

import hashlib
import importlib
import json
import os
import resource
import signal
import socket
import sys
from pathlib import Path
from typing import Any

MAX_MESSAGE = 300


def main() -> None:
    """Answers until the other end of the socket is closed."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(connection.fileno(), False)
    settings = json.loads(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (settings["memory_bytes"], settings["memory_bytes"]))
    if settings["folder"]:
        sys.path.insert(0, settings["folder"])
    lines = connection.makefile("rb")
    while line := lines.readline():
        connection.sendall(json.dumps(_answer(json.loads(line), settings["answer_bytes"])).encode() + b"\n")


def _answer(asked: dict[str, Any], most_bytes: int) -> dict[str, Any]:
    signal.setitimer(signal.ITIMER_REAL, asked["seconds"] + 5)  # its default action ends the process
    try:
        module = importlib.import_module(asked["module"])
        if "reply" not in asked:
            return {"version": _version(module), "is_there": callable(getattr(module, asked["function"], None))}
        value = json.dumps(getattr(module, asked["function"])(asked["request"], asked["reply"]), allow_nan=False)
    except BaseException as error:  # a stranger's code, SystemExit too: whatever it raises is said
        return {"error": f"{type(error).__name__}: {error}"[:MAX_MESSAGE]}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if len(value.encode()) > most_bytes:
        return {"error": f"the answer has more than {most_bytes} bytes"}
    return {"value": value}


def _version(module: Any) -> str:
    source = getattr(module, "__file__", None)
    return hashlib.sha256(Path(source).read_bytes()).hexdigest()[:12] if source else "built-in"


if __name__ == "__main__":
    main()
