"""The two ways out: Apprise (Slack, e-mail, …) and a signed webhook. What goes wrong is told without addresses or secrets."""

import hashlib
import hmac
import json
import socket
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import httpx2

from app.domain.addresses import refuse_address
from app.domain.notify_table import NotifyTable
from app.store.messages import StoredMessage

SIGNATURE, DELIVERY = "X-Pilot-Signature", "X-Pilot-Delivery"
TIMEOUT_SECONDS = 10.0
LARGEST_BODY = 64 * 1024
LONGEST_SCHEME = 20
_MARK_CHARS = 8


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one attempt; `problem` "" = taken. `taken` marks the addresses that have the message."""

    problem: str = ""
    taken: tuple[str, ...] = ()


def signature(body: bytes, secret: str, *, at: datetime) -> str:
    """The header's value: `t=SECONDS,v1=HEX`, HEX = HMAC-SHA256 under the secret over `SECONDS.body`."""
    seconds = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def body_of(message: StoredMessage) -> bytes:
    """What a webhook gets: the document with the message's own number, the same at every attempt."""
    document = {"id": message.id} | {key: value for key, value in message.document.items() if key != "taken"}
    return json.dumps(document, ensure_ascii=False, sort_keys=True).encode()


def send_webhook(message: StoredMessage, table: NotifyTable, environment: Mapping[str, str], now: datetime) -> Attempt:
    """One POST; a redirect is not followed, and nothing of the answer is kept but its status."""
    if table.webhook_url is None:
        return Attempt("notify.webhook_url is not set any more")
    body = body_of(message)
    headers = {"Content-Type": "application/json", "User-Agent": "parallel-pilot", DELIVERY: str(message.id)}
    if table.webhook_secret_env:
        secret = environment.get(table.webhook_secret_env, "")
        if not secret:
            return Attempt(_unset(table.webhook_secret_env))
        headers[SIGNATURE] = signature(body, secret, at=now)
    if len(body) > LARGEST_BODY:
        return Attempt(f"the message has {len(body)} bytes, the limit is {LARGEST_BODY}")
    return Attempt(_post(table.webhook_url, body, headers))


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> str:
    """What went wrong; "" = nothing. The address itself may hold a secret, so that only its host is named."""
    host = urlsplit(url).hostname or ""
    try:
        if refused := _refused(host):
            return refused
        with (
            httpx2.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False) as client,
            client.stream("POST", url, content=body, headers=dict(headers)) as response,
        ):
            status = response.status_code
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        return f"{host}: {type(error).__name__}"
    if response.is_success:
        return ""
    return f"{host} answered {status}" + (", a redirect, which is not followed" if response.is_redirect else "")


def _refused(host: str) -> str:
    """Why nobody may connect there; "" = one may."""
    places = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return next((why for place in places if (why := refuse_address(str(place[4][0])))), "")


def send_apprise(message: StoredMessage, table: NotifyTable, environment: Mapping[str, str]) -> Attempt:
    """Each address that has not taken it yet gets it; the others are tried again later."""
    if not table.urls_env:
        return Attempt("notify.urls_env is not set any more")
    addresses = environment.get(table.urls_env, "").split()
    if not addresses:
        return Attempt(_unset(table.urls_env))
    before, taken, problems = set(message.document.get("taken", ())), list[str](), list[str]()
    for place, address in enumerate(addresses, start=1):
        mark = _mark(message.id, address)
        if mark in before or _notify(address, message.document):
            taken.append(mark)
        else:
            problems.append(f"address {place} of {len(addresses)} ({_kind_of(address)}) did not take it")
    return Attempt("; ".join(problems), tuple(taken))


def _kind_of(address: str) -> str:
    """`slack`, `mailto`; of what is no address, such as a key in the wrong variable, nothing is said."""
    scheme, between, _ = address.partition("://")
    return scheme if between and scheme.isalnum() and len(scheme) <= LONGEST_SCHEME else "no address"


def _notify(address: str, document: Mapping[str, Any]) -> bool:
    apprise = _apprise()
    sender = apprise.Apprise()
    if not sender.add(address):
        return False
    return bool(sender.notify(title=str(document["title"]), body=_plain(document), body_format=apprise.NotifyFormat.TEXT))


@cache
def _apprise() -> ModuleType:
    """Loaded by who sends and nobody else: it takes a second, and warns of what it uses itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise  # noqa: PLC0415

        apprise.Apprise.instantiate("json://localhost")
    return apprise


def _plain(document: Mapping[str, Any]) -> str:
    where = document.get("link") or f"Page: {document['path']}"
    return f"{document['text']}\n\n{where}"


def _mark(message_id: int, address: str) -> str:
    """Tells an address from the others of the same message, and nothing else of it."""
    return hashlib.sha256(f"{message_id} {address}".encode()).hexdigest()[:_MARK_CHARS]


def _unset(name: str) -> str:
    return f"the environment variable {name} is not set where the worker runs"
