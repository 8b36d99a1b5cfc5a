"""Calls to the service: its address and the key from the environment, its errors as `CommandFailed`."""

import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx2

from parallel_pilot import __version__
from parallel_pilot.cli.errors import CommandFailed, Problem, ServiceUnreachable, WrongUse

URL_VARIABLE = "PILOT_SERVICE_URL"
KEY_VARIABLE = "PILOT_API_KEY"
DEFAULT_URL = "http://127.0.0.1:8080"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
TIMEOUT_SECONDS = 60.0
LONG_SECONDS = 3600.0


class Client:
    """One connection to the service.

    Args:
        url: Where the service is, without `/api/v1`.
        key: An API key.
        transport: For tests; default: the network.
        prefix: What addresses are below.
    """

    def __init__(self, url: str, key: str, *, transport: httpx2.BaseTransport | None = None, prefix: str = "/api/v1/") -> None:
        self.url = url.rstrip("/")
        parsed = _parsed(self.url)
        self._http = httpx2.Client(
            base_url=self.url + prefix,
            headers={"User-Agent": f"pilot/{__version__}"} | ({"Authorization": f"Bearer {key}"} if key else {}),
            timeout=httpx2.Timeout(TIMEOUT_SECONDS, connect=10.0),
            # A proxy for the world must not take what is meant for this machine.
            trust_env=parsed.host not in LOOPBACK,
            transport=transport,
        )

    @classmethod
    def from_environment(cls) -> "Client":
        """A client for `PILOT_SERVICE_URL` with `PILOT_API_KEY`; `WrongUse` where the key is missing."""
        key = os.environ.get(KEY_VARIABLE, "").strip()
        if not key:
            message = f"set {KEY_VARIABLE} to an API key of the service (a local stack: ./run pilot … does it)"
            raise WrongUse(message)
        if not (key.isascii() and key.isprintable()):
            message = f"{KEY_VARIABLE} is not an API key: it has characters that no key has"
            raise WrongUse(message)
        return cls(os.environ.get(URL_VARIABLE, "").strip() or DEFAULT_URL, key)

    @classmethod
    def without_key(cls) -> "Client":
        """For what needs no key: whether the service is well."""
        return cls(os.environ.get(URL_VARIABLE, "").strip() or DEFAULT_URL, "", prefix="/")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.close()

    def get(self, path: str, **query: str | int | None) -> Any:
        """The JSON at an address."""
        return self.send("GET", path, query=query).json()

    def post(self, path: str, document: Any = None, *, seconds: float = TIMEOUT_SECONDS) -> Any:
        """Sends a JSON document (or nothing) and gives the answer's."""
        return self.send("POST", path, document=document, seconds=seconds).json()

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | list[str] | None] | None = None,
        document: Any = None,
        content: bytes | None = None,
        media_type: str | None = None,
        seconds: float = TIMEOUT_SECONDS,
    ) -> httpx2.Response:
        """One call; `CommandFailed` with the service's own words where it says no."""
        try:
            response = self._http.request(
                method,
                path.lstrip("/"),
                params={name: value for name, value in (query or {}).items() if value is not None},
                json=document,
                content=content,
                headers={"Content-Type": media_type} if media_type else None,
                timeout=httpx2.Timeout(seconds, connect=10.0),
            )
        except httpx2.TimeoutException:
            message = f"the service at {self.url} did not answer within {seconds:.0f} s"
            raise ServiceUnreachable(message) from None
        except httpx2.TransportError as error:
            reason = str(error) or type(error).__name__
            message = f"the service at {self.url} cannot be reached ({reason}); {URL_VARIABLE} says where it is"
            raise ServiceUnreachable(message) from None
        if response.is_error:
            raise _failure(response)
        if response.is_redirect:
            message = f"{self.url} sends us elsewhere ({response.status_code}): is {URL_VARIABLE} right?"
            raise CommandFailed(message, status=response.status_code)
        return response


def part(name: str) -> str:
    """A name as one part of an address."""
    return quote(name, safe="")


def _parsed(url: str) -> httpx2.URL:
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        message = f"{URL_VARIABLE} is not an address: {error}"
        raise WrongUse(message) from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        message = f"{URL_VARIABLE} must be an address such as {DEFAULT_URL}, not {url!r}"
        raise WrongUse(message)
    return parsed


def _failure(response: httpx2.Response) -> CommandFailed:
    try:
        error = response.json()["error"]
        problems = tuple(Problem.from_json(problem) for problem in error.get("problems", []))
        facts = error.get("facts") or {}
        message = str(error["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        where = f"{response.request.url} answered {response.status_code}"
        message = f"{where}, and not as the service would: is {URL_VARIABLE} right?"
        return CommandFailed(message, status=response.status_code)
    return CommandFailed(
        message,
        problems=problems,
        status=response.status_code,
        facts=facts,
    )
