"""Transports: what production gets is what the vendor sent; what the service gets is what the gateway would have sent."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from typing_extensions import override

from parallel_pilot import async_shadow_transport, shadow_transport
from tests.unit.client.servers import PIECES, PILOT, WHOLE, Server, Service, sender_of, until

KEY = "sk-production-key"


@pytest.fixture
def client(arguments: dict[str, Any], vendor_server: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(transport=shadow_transport(**arguments), base_url=vendor_server.url + "/v1/", trust_env=False) as made:
        yield made


def body(wish: str, **more: Any) -> dict[str, Any]:
    return {"model": "m", "wish": wish, "messages": [{"role": "user", "content": "Hello"}]} | more


def test_a_call_passes_unchanged_and_its_copy_says_what_was_seen(
    client: httpx2.Client, vendor_server: Server, service: Service
) -> None:
    headers = {
        "Authorization": f"Bearer {KEY}", "X-Pilot-Segment": "extraction", "x-pilot-conversation": "c-1",
        "X-Stainless-Retry-Count": "2",
    }  # fmt: skip
    before = time.time_ns() // 1000
    response = client.post("chat/completions", json=body("whole"), headers=headers)
    assert (response.status_code, response.content) == (200, WHOLE)
    until(lambda: service.of("reply") and service.counts())
    (heard,) = vendor_server.heard
    assert heard.header("authorization") == f"Bearer {KEY}"
    assert [name for name, _ in heard.headers if name.startswith("x-pilot")] == []
    assert response.request.headers["X-Pilot-Segment"] == "extraction"  # the host's own object is as it was
    (request,), (reply,) = service.of("request"), service.of("reply")
    assert (request["pilot"], request["number"], request["path"]) == (PILOT, 1, "/chat/completions")
    assert before <= request["at_us"] == reply["at_us"] <= time.time_ns() // 1000
    assert request["hints"] == {"segment": "extraction", "conversation": "c-1", "content": None, "retry_count": 2}
    assert request["parts"] == [heard.body]
    assert (reply["status"], reply["end"], reply["parts"]) == (200, "complete", [WHOLE, heard.body])
    assert sum(size for _, size in reply["chunks"]) == len(WHOLE)
    assert 0 < reply["chunks"][0][0] <= reply["total_seconds"]
    assert service.counts() == {"issued": 1, "dropped": {}}
    assert service.keys == {"Bearer pp_key"}
    assert KEY not in json.dumps([str(event) for event in service.events])


def test_a_stream_is_passed_on_chunk_by_chunk_with_its_times(client: httpx2.Client, service: Service) -> None:
    arrived = []
    with client.stream("POST", "chat/completions", json=body("stream")) as response:
        for chunk in response.iter_raw():
            arrived.append((time.perf_counter(), chunk))
    assert b"".join(chunk for _, chunk in arrived) == b"".join(PIECES)
    assert len(arrived) == len(PIECES)
    until(lambda: service.of("reply"))
    (reply,) = service.of("reply")
    assert [size for _, size in reply["chunks"]] == [len(chunk) for _, chunk in arrived]
    noted = [at - reply["chunks"][0][0] for at, _ in reply["chunks"]]
    assert noted == pytest.approx([at - arrived[0][0] for at, _ in arrived], abs=0.05)
    assert (reply["parts"][0], reply["end"], reply["content_type"]) == (b"".join(PIECES), "complete", "text/event-stream")


def test_who_leaves_early_has_cancelled(client: httpx2.Client, service: Service) -> None:
    with client.stream("POST", "chat/completions", json=body("stream")) as response:
        first = next(response.iter_raw())
    until(lambda: service.of("reply"))
    (reply,) = service.of("reply")
    assert (reply["end"], reply["parts"][0]) == ("client_cancelled", first)


def test_a_response_that_is_forgotten_is_cancelled_and_its_room_given_back(
    client: httpx2.Client, service: Service, arguments: dict[str, Any]
) -> None:
    request = client.build_request("POST", "chat/completions", json=body("stream"))
    response = client.send(request, stream=True)
    del response
    until(lambda: service.of("reply"))
    assert service.of("reply")[0]["end"] == "client_cancelled"
    until(lambda: sender_of(arguments["service_url"]).outbox.held_bytes == 0)


@pytest.mark.parametrize(
    ("wish", "timeout", "error", "end", "status"),
    [
        ("broken", 5.0, httpx2.RemoteProtocolError, "connection", 200),
        ("hangs", 5.0, httpx2.RemoteProtocolError, "connection", None),
        ("silent", 0.05, httpx2.ReadTimeout, "timeout", None),
    ],
)
def test_exceptions_pass_as_they_are(
    client: httpx2.Client, service: Service, wish: str, timeout: float, error: type[Exception], end: str, status: int | None
) -> None:
    with pytest.raises(error):
        client.post("completions", json=body(wish), timeout=timeout)
    until(lambda: service.of("reply"))
    (reply,) = service.of("reply")
    assert (reply["end"], reply["status"], reply["path"]) == (end, status, "/completions")


def test_a_vendor_that_cannot_be_reached_is_a_failed_connection(arguments: dict[str, Any], service: Service) -> None:
    with httpx2.Client(transport=shadow_transport(**arguments), trust_env=False) as client, pytest.raises(httpx2.ConnectError):
        client.post("http://127.0.0.1:1/v1/responses", json=body("whole"))
    until(lambda: service.of("reply"))
    assert (service.of("reply")[0]["end"], service.of("reply")[0]["path"]) == ("connection", "/responses")


def test_a_packed_body_is_copied_packed(client: httpx2.Client, service: Service) -> None:
    response = client.post("chat/completions", json=body("packed"))
    assert response.content == WHOLE
    until(lambda: service.of("reply"))
    (reply,) = service.of("reply")
    assert (reply["content_encoding"], reply["parts"][0][:2]) == ("gzip", b"\x1f\x8b")


def test_what_is_not_mirrored_passes_and_is_counted(client: httpx2.Client, vendor_server: Server, service: Service) -> None:
    client.get("models")
    client.post("embeddings", json=body("whole"))
    client.get("chat/completions")
    client.post("responses", json=body("whole"), headers={"X-Pilot-Mirror": "OFF"})
    client.post("responses", json=body("whole", more="x" * 2**20))
    assert client.post("responses", content=iter([b'{"wish": ', b'"whole"}'])).status_code == 200
    until(lambda: service.counts().get("issued") == 6)
    assert service.counts()["dropped"] == {"not_mirrored_route": 3, "opted_out": 1, "too_large": 1}
    assert [request["parts"] for request in service.of("request")] == [[b""]]  # a body in pieces cannot be read
    assert [heard.path for heard in vendor_server.heard][:3] == ["/v1/models", "/v1/embeddings", "/v1/chat/completions"]
    assert vendor_server.heard[3].header("x-pilot-mirror") is None


def test_a_reply_that_is_too_long_is_relayed_whole_and_said_to_be(
    arguments: dict[str, Any], service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parallel_pilot.watch.MAX_REPLY_BYTES", 100)
    inner = httpx2.MockTransport(lambda _: httpx2.Response(200, stream=Chunks([b"x" * 80, b"y" * 80, b"z" * 10])))
    with httpx2.Client(transport=shadow_transport(**arguments, transport=inner)) as client:
        assert len(client.post("http://vendor/v1/responses", json=body("whole")).content) == 170
    until(lambda: service.of("reply"))
    (reply,) = service.of("reply")
    assert (reply["end"], reply["parts"][0]) == ("too_large", b"x" * 80)


class Chunks(httpx2.SyncByteStream):
    def __init__(self, chunks: list[bytes]) -> None:
        self.chunks = chunks

    @override
    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks


def test_a_transport_that_answers_from_memory_is_copied_too(arguments: dict[str, Any], service: Service) -> None:
    inner = httpx2.MockTransport(lambda _: httpx2.Response(200, json={"choices": []}))
    with httpx2.Client(transport=shadow_transport(**arguments, transport=inner)) as client:
        client.post("http://vendor/v1/responses", json=body("whole"))
    until(lambda: service.of("reply"))
    assert json.loads(service.of("reply")[0]["parts"][0]) == {"choices": []}


def test_arguments_hold_where_headers_say_nothing_and_the_strictest_content_wins(
    arguments: dict[str, Any], vendor_server: Server, service: Service
) -> None:
    transport = shadow_transport(**arguments, segment="support", content="masked")
    with httpx2.Client(transport=transport, base_url=vendor_server.url, trust_env=False) as client:
        for headers in ({}, {"X-Pilot-Segment": "other", "X-Pilot-Content": "full"}, {"X-Pilot-Content": "sealed"}):
            client.post("/v1/responses", json=body("whole"), headers=headers)
    until(lambda: len(service.of("request")) == 3)
    told = [(event["hints"]["segment"], event["hints"]["content"]) for event in service.of("request")]
    assert told == [("support", "masked"), ("other", "masked"), ("support", "metadata")]


def test_switched_off_it_only_takes_our_headers_away(vendor_server: Server) -> None:
    transport = shadow_transport(pilot=PILOT, enabled=False)
    with httpx2.Client(transport=transport, trust_env=False) as client:
        client.post(vendor_server.url + "/v1/responses", json=body("whole"), headers={"X-Pilot-Segment": "s"})
    assert vendor_server.heard[0].header("x-pilot-segment") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"pilot": ""}, {"service_url": None}, {"service_url": "pilot:8080"}, {"service_url": "http://u:p@pilot"},
        {"api_key": None}, {"api_key": "a\nb"}, {"content": "some"}, {"library": "requests"},
        {"direct_fallback": "api.openai.com"},
    ],
)  # fmt: skip
def test_an_argument_that_can_never_work_is_said_at_the_start(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        shadow_transport(**{"pilot": PILOT, "service_url": "http://pilot:8080", "api_key": "pp_key"} | wrong)


def test_the_official_sdk_works_through_it(arguments: dict[str, Any], vendor_server: Server, service: Service) -> None:
    transport = shadow_transport(**arguments)
    assert isinstance(transport, httpx2.BaseTransport)
    http = httpx2.Client(transport=transport, trust_env=False)
    with openai.OpenAI(api_key=KEY, base_url=vendor_server.url + "/v1", http_client=http, max_retries=1) as sdk:
        said = sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hello"}])
        assert said.choices[0].message.content == "Hello"
        stream = sdk.chat.completions.create(model="m", messages=[], stream=True, extra_body={"wish": "stream"})
        assert len(list(stream)) == len(PIECES) - 1
        with pytest.raises(openai.RateLimitError):
            sdk.chat.completions.create(model="m", messages=[], extra_body={"wish": "refused"})
    until(lambda: len(service.of("reply")) == 4)
    assert [event["hints"]["retry_count"] for event in service.of("request")] == [0, 0, 0, 1]
    assert [event["status"] for event in service.of("reply")] == [200, 200, 429, 429]


def test_the_asynchronous_transport_does_the_same(arguments: dict[str, Any], vendor_server: Server, service: Service) -> None:
    async def story() -> None:
        transport = async_shadow_transport(**arguments)
        assert isinstance(transport, httpx2.AsyncBaseTransport)
        async with httpx2.AsyncClient(transport=transport, base_url=vendor_server.url, trust_env=False) as client:
            whole = await client.post("/v1/chat/completions", json=body("whole"), headers={"X-Pilot-Segment": "s"})
            assert whole.content == WHOLE
            async with client.stream("POST", "/v1/chat/completions", json=body("stream")) as response:
                assert [chunk async for chunk in response.aiter_raw()] == PIECES
            async with client.stream("POST", "/v1/chat/completions", json=body("stream")) as response:
                async for _ in response.aiter_raw():
                    break
            with pytest.raises(httpx2.ReadTimeout):
                await client.post("/v1/chat/completions", json=body("silent"), timeout=httpx2.Timeout(10, read=0.05))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await client.post("/v1/chat/completions", json=body("silent"))

    asyncio.run(story())
    until(lambda: len(service.of("reply")) == 5)
    assert [event["end"] for event in sorted(service.of("reply"), key=lambda event: event["number"])] == [
        "complete", "complete", "client_cancelled", "timeout", "client_cancelled",
    ]  # fmt: skip
    assert service.of("request")[0]["hints"]["segment"] == "s"
    assert vendor_server.heard[0].header("x-pilot-segment") is None


def test_threads_share_one_sender_and_every_number_is_issued_once(
    arguments: dict[str, Any], vendor_server: Server, service: Service
) -> None:
    def work() -> None:
        with httpx2.Client(transport=shadow_transport(**arguments), trust_env=False) as client:
            for _ in range(5):
                client.post(vendor_server.url + "/v1/responses", json=body("whole"))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: len(service.of("reply")) == 40 and service.counts().get("issued") == 40)
    assert sorted(event["number"] for event in service.of("request")) == list(range(1, 41))
    assert len({event["boot"] for event in service.events}) == 1
    assert [thread.name for thread in threading.enumerate()].count("parallel-pilot") == 1
