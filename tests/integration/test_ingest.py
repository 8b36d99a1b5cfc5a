"""`POST /ingest` with real PostgreSQL and Redis: what clients hand in lies on the streams as the gateway's events do."""

import gzip
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.capture.events import decode, head_of
from app.capture.sealing import load_sealer
from app.capture.streams import MIRROR, RECORD
from app.domain.live import CountEvent, Hints, PilotCount, ReplyEvent, RequestEvent
from app.domain.words import Role
from app.stack.redis import EmbeddedRedis
from app.store.session import SessionFactory, make_engine, make_session_factory
from tests.api import PILOT_TOML, an_api, bearer, key_for

BOOT = "abcdef0123456789"
BODY = b'{"model": "gpt-5.1", "messages": []}'
REPLY = b'{"choices": []}'
NOW_US = time.time_ns() // 1000


@dataclass
class Service:
    """An API with a running pilot, and its Redis, emptied."""

    api: TestClient
    redis: "redis.Redis"
    home: Path
    factory: SessionFactory

    def entries(self, stream: str) -> list[dict[bytes, bytes]]:
        found: Any = self.redis.xrange(stream)
        return [entry for _, entry in found]

    def post(self, *events: dict[str, Any], parts: bytes = b"", **head: Any) -> Any:
        return self.api.post("/ingest", content=batch(*events, parts=parts, **head))


@pytest.fixture
def service(session_factory: SessionFactory, redis_server: EmbeddedRedis, tmp_path: Path) -> Iterator[Service]:
    client = redis.Redis.from_url(redis_server.url)
    client.delete(MIRROR, RECORD)
    with an_api(session_factory, tmp_path, role=Role.ADMIN, redis_url=redis_server.url, outbox_bytes=2**20) as api:
        assert api.post("/api/v1/pilots", content=PILOT_TOML).status_code == 201
        assert api.post("/api/v1/pilots/support-bot/start").status_code == 200
        yield Service(api, client, tmp_path, session_factory)
    client.delete(MIRROR, RECORD)
    client.close()


def batch(*events: dict[str, Any], parts: bytes = b"", **head: Any) -> bytes:
    now = time.time_ns() // 1000
    said = {"version": 1, "boot": BOOT, "started_us": NOW_US, "sent_us": now, "events": list(events)} | head
    return json.dumps(said).encode() + b"\n" + parts


def request_event(number: int = 1, *, size: int = len(BODY), **changes: Any) -> dict[str, Any]:
    call = {"kind": "request", "pilot": "support-bot", "number": number, "at_us": NOW_US, "path": "/chat/completions"}
    hints = {"segment": "extraction", "conversation": "c-1", "content": None, "retry_count": 0}
    return call | {"hints": hints, "parts": [size]} | changes


def reply_event(number: int = 1, *, parts: tuple[int, int | None] = (len(REPLY), len(BODY)), **changes: Any) -> dict[str, Any]:
    said = {
        "kind": "reply", "status": 200, "content_type": "application/json", "content_encoding": "",
        "chunks": [[0.25, len(REPLY)]],
        "total_seconds": 0.5, "lag_seconds": None, "end": "complete", "parts": list(parts),
    }  # fmt: skip
    return request_event(number) | said | changes


def count_event(**pilots: int) -> dict[str, Any]:
    counts = {name.replace("_", "-"): {"issued": issued, "dropped": {"shed": 1}} for name, issued in pilots.items()}
    return {"kind": "count", "at_us": NOW_US, "is_final": False, "pilots": counts}


def codes(answer: Any) -> list[tuple[int, str]]:
    return [(found["event"], found["code"]) for found in answer.json()["refused"]]


def test_a_batch_becomes_the_gateways_events(service: Service) -> None:
    answer = service.post(request_event(), reply_event(), count_event(support_bot=3), parts=BODY + REPLY + BODY)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "accepted": 3, "refused": [], "clock_offset_seconds": None,
        "pilots": {"support-bot": {"mirrors": True, "repeats_request": False}},
    }  # fmt: skip
    request, reply = (decode(entry) for entry in service.entries(MIRROR))
    (count,) = (decode(entry) for entry in service.entries(RECORD))
    assert isinstance(reply, ReplyEvent)
    boot = reply.boot
    assert boot.startswith("app-")
    assert boot.endswith(f"-{BOOT}")
    hints = Hints("extraction", "c-1", None, 0)
    assert request == RequestEvent("support-bot", boot, 1, NOW_US, "/chat/completions", hints, BODY)
    assert (reply.status, reply.chunks, reply.body, reply.end) == (200, ((0.25, len(REPLY)),), REPLY, "complete")
    assert reply.request is None  # at level full nobody needs it twice
    assert isinstance(count, CountEvent)
    assert (count.source, count.slot, count.boot) == ("app", boot, boot)
    assert count.pilots == {"support-bot": PilotCount(3, {"shed": 1})}


def test_a_stricter_level_is_sealed_and_repeats_the_request(service: Service) -> None:
    hints = {"segment": None, "conversation": None, "content": "metadata", "retry_count": None}
    answer = service.post(request_event(hints=hints), reply_event(hints=hints), parts=BODY + REPLY + BODY)
    assert answer.json()["accepted"] == 2
    entries = service.entries(MIRROR)
    assert [head_of(entry)["sealed"] for entry in entries] == [True, True]
    assert not [entry for entry in entries if BODY in b"".join(entry.values())]
    request, reply = (decode(entry, load_sealer(service.home, None)) for entry in entries)
    assert isinstance(request, RequestEvent)
    assert isinstance(reply, ReplyEvent)
    assert (request.body, reply.request) == (BODY, BODY)


def test_gzip_is_read_and_bounded(service: Service) -> None:
    plain = batch(request_event(), parts=BODY)
    packed = {"Content-Encoding": "gzip"}
    assert service.api.post("/ingest", content=gzip.compress(plain), headers=packed).json()["accepted"] == 1
    bomb = gzip.compress(batch(request_event(size=9 * 2**20), parts=bytes(9 * 2**20)))
    assert len(bomb) < 20_000
    assert service.api.post("/ingest", content=bomb, headers=packed).status_code == 413
    assert service.api.post("/ingest", content=plain, headers=packed).status_code == 422
    assert service.api.post("/ingest", content=gzip.compress(plain)[:-9], headers=packed).status_code == 422
    assert service.api.post("/ingest", content=plain, headers={"Content-Encoding": "br"}).status_code == 415
    assert service.api.post("/ingest", content=bytes(9 * 2**20)).status_code == 413
    assert len(service.entries(MIRROR)) == 1


def test_one_wrong_event_is_named_and_the_others_are_kept(service: Service) -> None:
    hints = {"segment": "a\0b"}
    answer = service.post(
        request_event(1), request_event(2, pilot="nobody"), request_event(3, path="/embeddings"), request_event(4, hints=hints),
        request_event(0), request_event(5, size=2**20 + 1), request_event(6, tpyo=1), count_event(support_bot=9, nobody=2),
        request_event(7, size=3),
        parts=BODY * 5 + bytes(2**20 + 1) + BODY + b"end",
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    assert codes(answer) == [
        (1, "unknown_pilot"), (2, "invalid_event"), (3, "invalid_event"), (4, "invalid_event"), (5, "too_large"),
        (6, "invalid_event"), (7, "unknown_pilot"),
    ]  # fmt: skip
    assert answer.json()["pilots"]["nobody"] == {"mirrors": False, "repeats_request": False}
    events = [decode(entry) for entry in service.entries(MIRROR)]
    assert [(event.number, event.body) for event in events if isinstance(event, RequestEvent)] == [(1, BODY), (7, b"end")]
    (count,) = (decode(entry) for entry in service.entries(RECORD))
    assert isinstance(count, CountEvent)
    assert set(count.pilots) == {"support-bot"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "head"),
        (b"{}\n", "head"),
        (b"[]\n", "head"),
        (batch(boot="../x"), "head"),
        (batch(version=2), "version"),
        (batch(request_event()), "events"),
        (batch(request_event(), parts=BODY + b"x"), "events"),
        (batch(request_event(parts=[-1])), "events[0].parts"),
        (batch(request_event(parts="x")), "events[0].parts"),
        (batch({"kind": "request"}, sent_us="now"), "head"),
    ],
)
def test_a_batch_that_cannot_be_read_is_refused_whole(service: Service, body: bytes, field: str) -> None:
    answer = service.api.post("/ingest", content=body)
    assert (answer.status_code, answer.json()["error"]["problems"][0]["field"]) == (422, field)
    assert service.entries(MIRROR) == []


def test_no_refusal_repeats_what_production_said(service: Service) -> None:
    answer = service.post(request_event(hints={"segment": ["secret words"]}, path="secret path"), parts=BODY)
    assert codes(answer) == [(0, "invalid_event")]
    assert "secret" not in answer.text


def test_operators_admins_and_ingest_keys_hand_in_and_an_ingest_key_does_nothing_else(service: Service) -> None:
    keys = {role: key_for(role, service.factory, f"a-{role.value}") for role in Role}
    body = batch(request_event(), parts=BODY)
    may = {role for role, key in keys.items() if service.api.post("/ingest", content=body, headers=bearer(key)).is_success}
    assert may == {Role.INGEST, Role.OPERATOR, Role.ADMIN}
    ingest = bearer(keys[Role.INGEST])
    assert service.api.get("/api/v1/pilots", headers=ingest).status_code == 403
    assert service.api.post("/api/v1/pilots/support-bot/mirror", json={"on": False}, headers=ingest).status_code == 403
    assert service.api.post("/ingest", content=body, headers=bearer("pp_unknown")).status_code == 401
    boots = {str(head_of(entry)["boot"]) for entry in service.entries(MIRROR)}
    assert len(boots) == 3  # the same name of a boot from another key is another boot


def test_a_key_that_is_revoked_ends_within_a_moment(service: Service) -> None:
    key = key_for(Role.INGEST, service.factory, "app")
    body = batch(request_event(), parts=BODY)
    assert service.api.post("/ingest", content=body, headers=bearer(key)).status_code == 200
    assert service.api.delete("/api/v1/keys/app").status_code == 200
    until = time.monotonic() + 10
    while service.api.post("/ingest", content=body, headers=bearer(key)).status_code != 401:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_switches_are_told_and_stop_what_comes_all_the_same(service: Service) -> None:
    switch = service.home / "mirror.off"
    switch.touch()
    answer = service.post(request_event(), reply_event(), count_event(support_bot=1), parts=BODY + REPLY + BODY)
    assert codes(answer) == [(0, "mirroring_off"), (1, "mirroring_off")]
    assert answer.json()["pilots"]["support-bot"]["mirrors"] is False
    assert answer.json()["accepted"] == 1
    # A reply whose request was taken before is still wanted.
    assert service.post(reply_event(), parts=REPLY + BODY).json()["accepted"] == 1
    switch.unlink()
    assert service.post(request_event(), parts=BODY).json()["accepted"] == 1
    assert service.api.post("/api/v1/pilots/support-bot/mirror", json={"on": False}).status_code == 200
    until = time.monotonic() + 10
    while codes(service.post(request_event(), parts=BODY)) != [(0, "mirroring_off")]:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_clock_that_is_far_off_is_corrected_alike_in_all_batches_and_said(service: Service) -> None:
    day_us = 24 * 3600 * 10**6
    ahead = time.time_ns() // 1000 + day_us
    first = service.post(request_event(at_us=ahead), parts=BODY, sent_us=ahead)
    second = service.post(reply_event(at_us=ahead), parts=REPLY + BODY, sent_us=ahead + 5 * 10**6)
    assert -86401 < first.json()["clock_offset_seconds"] == second.json()["clock_offset_seconds"] < -86390
    at = {decode(entry).at_us for entry in service.entries(MIRROR)}
    assert len(at) == 1
    assert abs(at.pop() - (ahead - day_us)) < 10 * 10**6
    # An event may be old if its client's clock is right: it waited.
    assert service.post(request_event(2, at_us=NOW_US - day_us), parts=BODY).json()["clock_offset_seconds"] is None
    assert decode(service.entries(MIRROR)[-1]).at_us == NOW_US - day_us
    # Nothing arrives from the future.
    service.post(request_event(3, at_us=NOW_US + day_us), parts=BODY)
    assert decode(service.entries(MIRROR)[-1]).at_us < NOW_US + 2 * 3600 * 10**6


def test_without_redis_or_at_the_bound_nothing_is_taken_and_the_client_is_asked_to_wait(
    session_factory: SessionFactory, redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    body = batch(request_event(), count_event(support_bot=1), parts=BODY)
    with an_api(session_factory, tmp_path, redis_url="redis://127.0.0.1:1/0") as api:
        api.post("/api/v1/pilots", content=PILOT_TOML)
        api.post("/api/v1/pilots/support-bot/start")
        answer = api.post("/ingest", content=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "streams_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        key = api.headers["authorization"]
    client = redis.Redis.from_url(redis_server.url)
    client.delete(MIRROR, RECORD)
    for _ in range(3):
        client.xadd(MIRROR, {"h": "", "b": bytes(2**19)})
    with an_api(session_factory, tmp_path, role=None, redis_url=redis_server.url, stream_bytes=2**20) as api:
        api.headers["authorization"] = key
        answer = api.post("/ingest", content=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "streams_unavailable")
    assert (client.xlen(MIRROR), client.xlen(RECORD)) == (3, 0)
    client.delete(MIRROR, RECORD)
    client.close()


def test_with_the_database_away_what_was_known_holds_for_a_while(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    assert service.post(request_event(1), parts=BODY).status_code == 200
    engine = make_engine("postgresql+psycopg://nobody@127.0.0.1:1/none", connect_timeout_seconds=1)
    assert isinstance(service.api.app, FastAPI)
    monkeypatch.setattr(service.api.app.state.intake, "session_factory", make_session_factory(engine))
    monkeypatch.setattr("app.pipeline.ingesting.FRESH_SECONDS", 0.0)
    time.sleep(1.1)  # until what is known is no longer fresh
    assert service.post(request_event(2), parts=BODY).json()["accepted"] == 1
    monkeypatch.setattr("app.pipeline.ingesting.STALE_SECONDS", 0.0)
    answer = service.post(request_event(3), parts=BODY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_unavailable")
    assert len(service.entries(MIRROR)) == 2
    engine.dispose()


def test_many_batches_at_once_are_bounded_and_keep_nobody_waiting(service: Service) -> None:
    answers: list[int] = []
    body = batch(*(request_event(number) for number in range(1, 500)), parts=BODY * 499)

    def flood() -> None:
        answers.extend(service.api.post("/ingest", content=body).status_code for _ in range(3))

    threads = [threading.Thread(target=flood) for _ in range(24)]
    for thread in threads:
        thread.start()
    seen = [service.api.get("/api/v1/pilots").status_code for _ in range(10)]
    for thread in threads:
        thread.join()
    assert set(seen) == {200}
    assert set(answers) <= {200, 503}
    assert answers.count(200) * 499 == len(service.entries(MIRROR))


def test_the_batch_in_the_documents_is_taken(service: Service) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "in-app.md").read_text()
    (example,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    head = json.dumps(json.loads(example) | {"sent_us": time.time_ns() // 1000})
    answer = service.api.post("/ingest", content=head.encode() + b"\n" + bytes(310 + 950))
    assert (answer.status_code, answer.json()["accepted"], answer.json()["refused"]) == (200, 3, [])
