"""The ways out: a real server is told, signatures hold, and no problem names a secret."""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import ValidationError
from typing_extensions import override

from app.domain.notify_table import NotifyTable
from app.pipeline.notifying import next_attempt
from app.pipeline.notifying_channels import (
    LARGEST_BODY,
    Attempt,
    send_apprise,
    send_webhook,
    signature,
)
from app.store.messages import StoredMessage

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = "s3cret-of-the-receiver"
ENVIRONMENT = {"HOOK": SECRET}
MESSAGE = StoredMessage(
    7, 1, "support-bot", "alert:3:opened", "webhook", {"title": "T", "text": "words", "path": "/pilots/support-bot/alerts"},
    NOW, 1, NOW, None, None, "",
)  # fmt: skip


class Receiver:
    """A server that answers as it is told, by path, and keeps what it got."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                receiver.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(int(self.path.strip("/").split("/")[0]))
                self.send_header("Location", "/200/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            @override
            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    def end(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture(scope="module")
def shared() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.end()


@pytest.fixture
def receiver(shared: Receiver) -> Receiver:
    shared.got.clear()
    return shared


def hook(receiver: Receiver, path: str = "/200/x", **more: str) -> NotifyTable:
    return NotifyTable(webhook_url=f"http://{receiver.host}{path}", **{"webhook_secret_env": "HOOK", **more})


def test_a_webhook_gets_the_document_signed_over_time_and_body(receiver: Receiver) -> None:
    assert send_webhook(MESSAGE, hook(receiver), ENVIRONMENT, NOW) == Attempt()
    ((path, headers, body),) = receiver.got
    assert path == "/200/x"
    assert json.loads(body) == {"id": 7, "title": "T", "text": "words", "path": "/pilots/support-bot/alerts"}
    seconds = str(int(NOW.timestamp()))
    expected = hmac.new(SECRET.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["x-pilot-signature"] == f"t={seconds},v1={expected}"
    assert (headers["x-pilot-delivery"], headers["content-type"]) == ("7", "application/json")


def test_without_a_secrets_name_nothing_is_signed(receiver: Receiver) -> None:
    assert send_webhook(MESSAGE, hook(receiver, webhook_secret_env=""), {}, NOW) == Attempt()
    assert "x-pilot-signature" not in receiver.got[0][1]


@pytest.mark.parametrize("path", ["/500/x?key=hidden", "/302/x?key=hidden", "/404/x?key=hidden"])
def test_what_a_receiver_refuses_is_told_without_its_address(receiver: Receiver, path: str) -> None:
    problem = send_webhook(MESSAGE, hook(receiver, path), ENVIRONMENT, NOW).problem
    assert problem.startswith(f"127.0.0.1 answered {path[1:4]}")
    assert "hidden" not in problem
    assert len(receiver.got) == 1  # a redirect is not followed


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (NotifyTable(webhook_url="http://127.0.0.1:1/x?key=hidden"), "127.0.0.1: ConnectError"),
        (NotifyTable(webhook_url="http://169.254.169.254/x"), "169.254.169.254 is link-local"),
        (NotifyTable(webhook_url="http://127.0.0.1:1", webhook_secret_env="UNSET"), "UNSET is not set where the worker runs"),
        (NotifyTable(), "not set any more"),
    ],
)
def test_a_webhook_that_cannot_be_reached_says_why(table: NotifyTable, says: str) -> None:
    problem = send_webhook(MESSAGE, table, ENVIRONMENT, NOW).problem
    assert problem
    assert says in problem
    assert "hidden" not in problem


@pytest.mark.parametrize(
    "address", ["hooks.example.com/x", "ftp://x.example", "https://", "https://me:pw@x.example/", "http://x y"]
)
@pytest.mark.parametrize("key", ["webhook_url", "link"])
def test_an_address_that_is_none_is_refused_when_the_pilot_is_configured(key: str, address: str) -> None:
    with pytest.raises(ValidationError, match="must be an address such as"):
        NotifyTable.model_validate({key: address})
    assert NotifyTable.model_validate({key: ""}) == NotifyTable()


def test_a_message_that_is_too_large_is_not_sent(receiver: Receiver) -> None:
    large = replace(MESSAGE, document=MESSAGE.document | {"text": "x" * LARGEST_BODY})
    assert f"the limit is {LARGEST_BODY}" in send_webhook(large, hook(receiver), ENVIRONMENT, NOW).problem
    assert receiver.got == []


def test_a_receiver_can_tell_a_genuine_message_as_the_document_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "alerts.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - our own document
    is_genuine, at = names["is_genuine"], NOW.timestamp()
    header = signature(b"{}", SECRET, at=NOW)
    for seconds, is_fresh in ((0, True), (300, True), (-300, True), (301, False)):
        monkeypatch.setattr(time, "time", lambda seconds=seconds: at + seconds)
        assert is_genuine(header, b"{}", SECRET) is is_fresh
    monkeypatch.setattr(time, "time", lambda: at)
    assert not is_genuine(header, b"{ }", SECRET)
    assert not is_genuine(header, b"{}", "another")
    for forged in ("", "t=,v1=", "t=x,v1=y", header.replace("t=", "t=1"), header.partition(",")[2]):
        assert not is_genuine(forged, b"{}", SECRET)


def test_apprise_tells_each_address_once_even_if_another_fails(receiver: Receiver) -> None:
    good, bad = f"json://{receiver.host}/200/good?secret=hidden", f"json://{receiver.host}/500/bad?secret=hidden"
    table = NotifyTable(urls_env="URLS")
    first = send_apprise(MESSAGE, table, {"URLS": f"{good}  {bad}"})
    assert first.problem == "address 2 of 2 (json) did not take it"
    assert len(first.taken) == 1
    again = replace(MESSAGE, document=MESSAGE.document | {"taken": list(first.taken)})
    receiver.got.clear()
    mended = send_apprise(again, table, {"URLS": f"{good} {bad.replace('/500/', '/200/')}"})
    assert (mended.problem, len(mended.taken)) == ("", 2)
    ((path, _, body),) = receiver.got
    assert path.startswith("/200/bad")
    assert json.loads(body)["message"].startswith("words\n\nPage: /pilots/support-bot/alerts")


@pytest.mark.parametrize(
    ("table", "environment", "says"),
    [
        (NotifyTable(), {}, "not set any more"),
        (NotifyTable(urls_env="URLS"), {}, "URLS is not set where the worker runs"),
        (NotifyTable(urls_env="URLS"), {"URLS": "nonsense-hidden"}, "address 1 of 1 (no address) did not"),
        (NotifyTable(urls_env="URLS"), {"URLS": "sk-hidden:x"}, "address 1 of 1 (no address) did not"),
    ],
)
def test_apprise_without_usable_addresses_says_so(table: NotifyTable, environment: dict[str, str], says: str) -> None:
    assert says in send_apprise(MESSAGE, table, environment).problem


def test_waits_grow_to_an_hour_and_end_after_a_day() -> None:
    waits = [next_attempt(replace(MESSAGE, attempts=attempts), NOW) for attempts in (1, 2, 3, 7, 8, 40)]
    assert [(at - NOW).total_seconds() for at in waits if at is not None] == [30, 60, 120, 1920, 3600, 3600]
    assert next_attempt(replace(MESSAGE, attempts=30), NOW + timedelta(hours=24)) is None
    assert next_attempt(replace(MESSAGE, subject="test:1"), NOW) is None
