"""One kept-alive connection to the service, by the standard library alone; used by one thread."""

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from parallel_pilot.batch import compress

ANSWER_SECONDS = 10.0
MAX_ANSWER_BYTES = 256 * 1024
PATH = "/ingest"
_STALE = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError, ConnectionAbortedError)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt.

    Attributes:
        status: HTTP status; `None` = there was no answer.
        document: The answer's JSON; `None` if it is none.
        words: What to tell people of it.
        retry_after_seconds: How long the service asks to be left alone.
    """

    status: int | None
    document: Any
    words: str
    retry_after_seconds: float | None = None


class Link:
    """Posts batches.

    Args:
        service_url: Address of the service, without the path.
        api_key: A key with the role `ingest`.

    Raises:
        ValueError: The address is none that can be asked.
    """

    def __init__(self, service_url: str, api_key: str) -> None:
        self._url = _checked(service_url)
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "Content-Type": "application/vnd.parallel-pilot.batch",
            "User-Agent": "parallel-pilot",
        }
        self._connection: http.client.HTTPConnection | None = None
        self.timeout_seconds = ANSWER_SECONDS

    def post(self, body: bytes) -> Answer:
        """Sends a batch, once more if a kept connection turns out to be gone; raises nothing."""
        packed = compress(body)
        headers = self._headers if packed is None else self._headers | {"Content-Encoding": "gzip"}
        was_kept = self._connection is not None
        try:
            try:
                return self._attempt(packed or body, headers)
            except _STALE:
                if not was_kept:
                    raise
                self.close()
                return self._attempt(packed or body, headers)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            return Answer(None, None, f"{type(error).__name__}: {error}")

    def close(self) -> None:
        """Ends the connection; the next batch makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _attempt(self, body: bytes, headers: dict[str, str]) -> Answer:
        if self._connection is None:
            self._connection = self._connected()
        elif self._connection.sock is not None:
            self._connection.sock.settimeout(self.timeout_seconds)
        self._connection.request("POST", self._url.path.rstrip("/") + PATH, body, headers)
        response = self._connection.getresponse()
        text = response.read(MAX_ANSWER_BYTES)
        if response.will_close or not response.isclosed():
            self.close()
        return _answer(response, text)

    def _connected(self) -> http.client.HTTPConnection:
        host = self._url.hostname or ""
        made = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        return made(host, self._url.port, timeout=self.timeout_seconds)


def _checked(service_url: str) -> SplitResult:
    parts = urlsplit(service_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        message = f"service_url must be the address of the service, as in http://pilot:8080, not {service_url!r}"
        raise ValueError(message)
    _ = parts.port  # a wrong one raises here
    return parts


def _answer(response: http.client.HTTPResponse, text: bytes) -> Answer:
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    error = document.get("error") if isinstance(document, dict) else None
    said = error.get("message") if isinstance(error, dict) else None
    words = f"{response.status} {said or response.reason}"
    return Answer(response.status, document, words, _seconds(response.headers.get("Retry-After")))


def _seconds(said: str | None) -> float | None:
    return float(said) if said is not None and said.isascii() and said.isdigit() else None
