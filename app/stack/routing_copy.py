"""Keeps the gateway's file as the API says it: `python -m app.stack.routing_copy --api http://pilot-api:8080`.

For gateways that share no folder with the API, beside each of them (`deploy/kubernetes`). While the API is away, or says what
no gateway could read, the file stays as it is: production goes on with what was known last.
"""

import argparse
import http.client
import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

from typing_extensions import override

from app.domain.routing import FILE_NAME, routing_of
from app.errors import StackError
from app.stack.home import read_settings
from app.stack.signals import Signals

ADDRESS = "/api/v1/gateway-routing"
KEY = "PILOT_API_KEY"
ANSWER_SECONDS = 5.0
UNREADABLE: tuple[type[Exception], ...] = (ValueError, KeyError, TypeError, AttributeError)


def main(arguments: list[str] | None = None) -> int:
    """Runs until SIGTERM."""
    options = _parser().parse_args(arguments)
    try:
        key = _key()
        file = read_settings().home.resolve() / FILE_NAME
        file.parent.mkdir(parents=True, exist_ok=True)
        if options.seed is not None:
            seed(file, options.seed)
        _keep(file, options, key)
    except StackError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def seed(file: Path, known: Path) -> bool:
    """Where no API has answered here yet, the gateway begins with a file that was kept; whether it does."""
    if file.exists() or not known.is_file():
        return False
    return write(file, known.read_bytes())


def write(file: Path, text: bytes) -> bool:
    """Replaces the file as a whole if it says anything new; a text that no gateway can read is refused with `ValueError`."""
    try:
        routing_of(json.loads(text))
    except UNREADABLE as error:
        message = f"not what a gateway reads: {error}"
        raise ValueError(message) from error
    if file.exists() and file.read_bytes() == text:
        return False
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_bytes(text)
    draft.replace(file)
    return True


class _Staying(urllib.request.HTTPRedirectHandler):
    """Follows nobody elsewhere: the key is the API's alone."""

    @override
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_open = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Staying()).open


def fetch(api_url: str, key: str) -> bytes:
    """What the API says now, in the form of the file."""
    request = urllib.request.Request(f"{api_url}{ADDRESS}", headers={"Authorization": f"Bearer {key}"})  # noqa: S310 - ours
    with _open(request, timeout=ANSWER_SECONDS) as answer:
        document: dict[str, Any] = json.load(answer)
    return (json.dumps(document, indent=2) + "\n").encode()


def _key() -> str:
    key = os.environ.get(KEY, "").strip()
    if not key:
        message = f"set {KEY} to the key of a viewer: pilot keys add NAME --role viewer"
        raise StackError(message)
    return key


def _keep(file: Path, options: argparse.Namespace, key: str) -> None:
    signals, problem = Signals(), ""
    signals.listen()
    while not signals.stops_asked:
        try:
            write(file, fetch(options.api.rstrip("/"), key))
            found = ""
        except (OSError, ValueError, http.client.HTTPException) as error:
            found = f"the file stays as it is: {error}"
        if found != problem:
            sys.stderr.write(f"{found or 'the API answers again'}\n")
            problem = found
        if options.once:
            return
        signals.wait(options.every)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.stack.routing_copy", description=__doc__)
    parser.add_argument("--api", required=True, help="address of the API, without a path")
    parser.add_argument("--seed", type=Path, help="a kept routing.json to begin with where the API does not answer")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two looks")
    parser.add_argument("--once", action="store_true", help="look once and end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
