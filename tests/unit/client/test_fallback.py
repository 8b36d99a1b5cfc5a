"""`direct_fallback`: the gateway mirrors; where it cannot be reached, the vendor is asked and this process copies."""

import asyncio
from typing import Any

import httpx2
import pytest

from parallel_pilot import async_shadow_transport, shadow_transport
from tests.unit.client.servers import PILOT, WHOLE, Heard, Server, Service, answer, serving, until, vendor

NOWHERE = "http://127.0.0.1:1"
WISHES = {"X-Pilot-Segment": "extraction", "X-Pilot-Conversation": "c-1"}


def test_a_gateway_that_answers_gets_all_and_nothing_is_copied(
    arguments: dict[str, Any], vendor_server: Server, service: Service
) -> None:
    with serving(vendor) as gateway:
        transport = shadow_transport(
            **arguments, direct_fallback=vendor_server.url + "/v1", segment="support", content="masked"
        )
        with httpx2.Client(transport=transport, trust_env=False) as client:
            client.post(gateway.url + "/v1/chat/completions", json={}, headers={"X-Pilot-Conversation": "c-1"})
            client.post(gateway.url + "/v1/chat/completions", json={"wish": "refused"}, headers={"X-Pilot-Mirror": "off"})
    first, second = gateway.heard
    told = ("x-pilot-segment", "x-pilot-conversation", "x-pilot-content", "x-pilot-mirror")
    assert [first.header(name) for name in told] == ["support", "c-1", "masked", None]
    assert second.header("x-pilot-mirror") == "off"
    assert vendor_server.heard == []
    assert service.events == []


@pytest.mark.parametrize(
    ("asked", "reached"),
    [
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/p/support-bot/v1/chat/completions?a=b%20c", "/v1/chat/completions?a=b%20c"),
        ("/v1/models", "/v1/models"),
        ("/v1", "/v1"),
        ("/v1beta/x", "/v1/v1beta/x"),
    ],
)
def test_a_gateway_that_refuses_is_passed_by(
    arguments: dict[str, Any], vendor_server: Server, service: Service, asked: str, reached: str
) -> None:
    transport = shadow_transport(**arguments, direct_fallback=vendor_server.url + "/v1/")
    with httpx2.Client(transport=transport, trust_env=False) as client:
        response = client.post(NOWHERE + asked, json={"model": "m"}, headers=WISHES | {"Authorization": "Bearer sk"})
    assert response.content == WHOLE
    (heard,) = vendor_server.heard
    assert heard.path == reached
    assert heard.header("host") == vendor_server.url.removeprefix("http://")
    assert heard.header("authorization") == "Bearer sk"
    assert [name for name, _ in heard.headers if name.startswith("x-pilot")] == []
    until(service.counts)
    if "chat" in asked:
        until(lambda: service.of("reply"))
        hints = service.of("request")[0]["hints"]
        assert (hints["segment"], hints["conversation"]) == ("extraction", "c-1")
        assert service.of("request")[0]["parts"] == [heard.body]
    else:
        assert service.counts()["dropped"] == {"not_mirrored_route": 1}


def test_without_a_service_it_only_passes_by(vendor_server: Server) -> None:
    transport = shadow_transport(pilot=PILOT, direct_fallback=vendor_server.url + "/v1")
    with httpx2.Client(transport=transport, trust_env=False) as client:
        assert client.post(NOWHERE + "/v1/responses", json={}).content == WHOLE


def test_what_the_gateway_may_have_got_is_never_sent_twice(arguments: dict[str, Any], vendor_server: Server) -> None:
    async def breaks(_: Heard, __: asyncio.StreamWriter) -> None:
        raise ConnectionAbortedError

    with serving(breaks) as gateway:
        transport = shadow_transport(**arguments, direct_fallback=vendor_server.url + "/v1")
        with httpx2.Client(transport=transport, trust_env=False) as client, pytest.raises(httpx2.RemoteProtocolError):
            client.post(gateway.url + "/v1/responses", json={})
    assert vendor_server.heard == []


def test_a_gateway_that_lets_connections_time_out_is_left_alone_for_a_while(vendor_server: Server) -> None:
    asked = []

    def inner(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.host)
        if request.url.host == "gateway":
            message = "timed out"
            raise httpx2.ConnectTimeout(message)
        return httpx2.Response(200)

    transport = shadow_transport(pilot=PILOT, direct_fallback="http://vendor/v1", transport=httpx2.MockTransport(inner))
    with httpx2.Client(transport=transport) as client:
        client.post("http://gateway/v1/responses", json={})
        client.post("http://gateway/v1/responses", json={})
    assert asked == ["gateway", "vendor", "vendor"]


def test_the_vendors_own_refusal_is_told_as_it_is() -> None:
    transport = shadow_transport(pilot=PILOT, direct_fallback=NOWHERE + "/v1")
    with httpx2.Client(transport=transport, trust_env=False) as client, pytest.raises(httpx2.ConnectError):
        client.post("http://127.0.0.1:2/v1/responses", json={})


def test_the_asynchronous_transport_does_the_same(arguments: dict[str, Any], vendor_server: Server, service: Service) -> None:
    async def replies(_: Heard, writer: asyncio.StreamWriter) -> None:
        answer(writer, b"from the gateway")

    async def story(gateway: Server) -> None:
        transport = async_shadow_transport(**arguments, direct_fallback=vendor_server.url + "/v1")
        async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
            assert (await client.post(gateway.url + "/v1/responses", json={})).content == b"from the gateway"
            assert (await client.post(NOWHERE + "/p/x/v1/responses", json={}, headers=WISHES)).content == WHOLE

    with serving(replies) as gateway:
        asyncio.run(story(gateway))
    until(lambda: service.of("reply"))
    assert service.of("request")[0]["hints"]["segment"] == "extraction"
