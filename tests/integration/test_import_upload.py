"""Uploads to a real server: what dies on the way leaves nothing behind, and the command can read the answers."""

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import uvicorn

from app.api.application import make_api
from app.domain.words import Role
from app.store.session import SessionFactory
from tests.api import PILOT_TOML, bearer, key_for, services_for
from tests.integration.importing import PILOT, dump, staged_rows
from tests.unit.capture.lines import a_line, text_of


@pytest.fixture
def server(session_factory: SessionFactory, tmp_path: Path) -> Iterator[httpx2.Client]:
    """A client of an API process's own server, in a thread."""
    api = make_api(services_for(session_factory, tmp_path))
    served = uvicorn.Server(uvicorn.Config(api, host="127.0.0.1", port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=served.run)
    thread.start()
    while not served.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = served.servers[0].sockets[0].getsockname()[1]
    headers = bearer(key_for(Role.ADMIN, session_factory))
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}/api/v1/", headers=headers, timeout=30) as client:
        client.post("pilots", content=PILOT_TOML.encode()).raise_for_status()
        yield client
    served.should_exit = True
    thread.join(10)


def _die_half_way(client: httpx2.Client, path: str, chunk: bytes) -> None:
    """Announces a chunk, sends half of it and hangs up."""
    url = client.base_url
    head = (
        f"PUT {url.path}{path} HTTP/1.1\r\nHost: {url.host}\r\nContent-Length: {len(chunk)}\r\n"
        f"Authorization: {client.headers['Authorization']}\r\n\r\n"
    )
    with socket.create_connection((str(url.host), int(url.port or 80))) as connection:
        connection.sendall(head.encode() + chunk[: len(chunk) // 2])


def test_an_upload_that_dies_half_way_leaves_nothing_and_goes_on(
    server: httpx2.Client, session_factory: SessionFactory
) -> None:
    first, second = (text_of(*(a_line(exchange_id=f"{part}-{n}") for n in range(500))) for part in ("a", "b"))
    opening = {"file_key": hashlib.sha256(first + second).hexdigest()}
    number = server.post(f"pilots/{PILOT}/imports", json=opening).json()["id"]
    server.put(f"imports/{number}/chunks", params={"offset": 0}, content=first).raise_for_status()
    _die_half_way(server, f"imports/{number}/chunks?offset={len(first)}", second)
    time.sleep(0.3)
    again = server.post(f"pilots/{PILOT}/imports", json=opening).json()
    assert (again["id"], again["bytes_staged"], again["lines_staged"], again["problem_count"]) == (number, len(first), 500, 0)
    server.put(f"imports/{number}/chunks", params={"offset": len(first)}, content=second).raise_for_status()
    assert server.post(f"imports/{number}/commit").json()["new"] == 1000
    assert len(dump(session_factory)["exchanges"]) == 1000
    assert staged_rows(session_factory) == 0


def test_a_chunk_that_is_too_large_is_refused_and_the_import_goes_on(server: httpx2.Client) -> None:
    file = text_of(a_line())
    number = server.post(f"pilots/{PILOT}/imports", json={"file_key": "0" * 64}).json()["id"]
    answer = server.put(f"imports/{number}/chunks", params={"offset": 0}, content=b" " * (16 * 1024 * 1024) + file)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    assert server.put(f"imports/{number}/chunks", params={"offset": 0}, content=file).json()["lines_staged"] == 1
