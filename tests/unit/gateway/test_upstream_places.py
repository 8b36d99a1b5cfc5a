"""Where the client connects: checked certificates, checked addresses, and DNS that may be away."""

import asyncio
import datetime
import ipaddress
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.gateway.upstream import origin as origin_module
from app.gateway.upstream.client import UpstreamLimits, UpstreamUnreachable
from app.gateway.upstream.origin import Addresses, place_of
from tests.unit.gateway.upstream_servers import LOOPS, answering, ask, reply, run, serving, upstream, whole

NOW = datetime.datetime.now(datetime.UTC)


def _certificate(folder: Path, *names: str, days: int = 1) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS with a certificate that signs itself, and the file a client would trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    alternatives: list[x509.GeneralName] = [
        x509.IPAddress(ipaddress.ip_address(each)) if each[0].isdigit() else x509.DNSName(each) for each in names
    ]
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(NOW - datetime.timedelta(days=9))
        .not_valid_after(NOW + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = folder / "server.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )  # fmt: skip
    file.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, file


@pytest.mark.parametrize("loop", LOOPS)
def test_tls_is_spoken_with_the_hosts_name_and_connections_are_kept(loop: str, tmp_path: Path) -> None:
    asked: list[Any] = []
    server, trusted = _certificate(tmp_path, "localhost")
    server.sni_callback = lambda _socket, name, _context: asked.append(name)
    body = b"x" * 300_000

    async def test() -> None:
        client_tls = ssl.create_default_context(cafile=str(trusted))
        async with serving(answering(reply(body)), ssl=server) as incumbent, upstream(tls=client_tls) as client:
            for _ in range(3):
                response = await ask(client, incumbent.url, body=body)
                assert await whole(response) == body
                assert response.read_at > response.sent_at
            assert (asked, incumbent.connections) == (["localhost"], 1)
            assert {sent for _, sent in incumbent.requests} == {body}

    run(test(), loop)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("wrong", ["nobody trusts it", "another name", "expired"])
def test_a_certificate_that_does_not_hold_is_unreachable_and_nothing_is_sent(loop: str, wrong: str, tmp_path: Path) -> None:
    server, file = _certificate(
        tmp_path, "elsewhere" if wrong == "another name" else "localhost", days=-1 if wrong == "expired" else 1
    )
    trusted = None if wrong == "nobody trusts it" else ssl.create_default_context(cafile=str(file))

    async def test() -> None:
        async with serving(answering(reply()), ssl=server) as incumbent, upstream(tls=trusted) as client:
            with pytest.raises(UpstreamUnreachable) as caught:
                await ask(client, incumbent.url)
            assert caught.value.reason == "tls"
            assert incumbent.requests == []

    run(test(), loop)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "0xa9fea9fe", "[fe80::1]", "[::ffff:169.254.169.254]"])
def test_a_host_that_resolves_to_a_forbidden_address_is_not_called(host: str, loop: str) -> None:
    async def test() -> None:
        async with upstream() as client:
            with pytest.raises(UpstreamUnreachable, match="link-local") as caught:
                await ask(client, f"http://{host}/v1")
            assert caught.value.reason == "refused_address"

    run(test(), loop)


def _names(answers: list[Any]) -> Callable[..., Any]:
    """A resolver that says what it is told, the last thing for ever."""

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answer]

    return getaddrinfo


def test_a_name_that_changes_to_a_forbidden_address_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin_module, "ADDRESSES_KEPT_SECONDS", 0.0)
    monkeypatch.setattr(socket, "getaddrinfo", _names([["127.0.0.1"], ["169.254.169.254"]]))

    async def test() -> None:
        async with serving(answering(reply(headers=b"Connection: close\r\n"))) as incumbent, upstream() as client:
            url = f"http://rebinding.test:{incumbent.port}/v1"
            assert await whole(await ask(client, url)) == b"{}"
            with pytest.raises(UpstreamUnreachable) as caught:
                await ask(client, url)
            assert caught.value.reason == "refused_address"

    run(test(), "asyncio")


def test_of_several_addresses_the_forbidden_and_the_dead_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _names([["169.254.169.254", "127.0.0.2", "127.0.0.1"]]))

    async def test() -> None:
        async with serving(answering(reply())) as incumbent, upstream() as client:
            # Nobody listens on 127.0.0.2.
            assert await whole(await ask(client, f"http://several.test:{incumbent.port}/v1")) == b"{}"

    run(test(), "asyncio")


def test_the_last_known_addresses_serve_while_dns_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin_module, "ADDRESSES_KEPT_SECONDS", 0.0)
    monkeypatch.setattr(socket, "getaddrinfo", _names([["127.0.0.1"], OSError("DNS is away")]))

    async def test() -> None:
        async with serving(answering(reply(headers=b"Connection: close\r\n"))) as incumbent, upstream() as client:
            for _ in range(3):
                assert await whole(await ask(client, f"http://away.test:{incumbent.port}/v1")) == b"{}"
            assert incumbent.connections == 3

    run(test(), "asyncio")


def test_many_requests_at_once_look_a_name_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lookups = 0

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        nonlocal lookups
        lookups += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    async def test() -> None:
        addresses = Addresses("many.test", 80)
        assert await asyncio.gather(*(addresses.get() for _ in range(50))) == [["127.0.0.1"]] * 50
        assert lookups == 1

    run(test(), "asyncio")


def test_a_dead_address_does_not_use_up_the_time_of_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as full:
        # A listener whose queue is full swallows connections, as a host that is gone does.
        full.bind(("127.0.0.2", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.2", port))
        monkeypatch.setattr(socket, "getaddrinfo", _names([["127.0.0.2", "127.0.0.1"]]))

        async def test() -> None:
            limits = UpstreamLimits(head_bytes=8192, connect_seconds=0.4)
            async with serving(answering(reply()), port) as incumbent, upstream(limits) as client:
                assert await whole(await ask(client, f"http://dead.test:{incumbent.port}/v1")) == b"{}"

        run(test(), "asyncio")
        for each in waiting:
            each.close()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.example.com/v1", ("api.example.com", 443, True, b"api.example.com", b"/v1")),
        ("http://api.example.com:80/v1/", ("api.example.com", 80, False, b"api.example.com", b"/v1")),
        ("http://[::1]:8000", ("::1", 8000, False, b"[::1]:8000", b"")),
        ("https://bücher.example/v1", ("xn--bcher-kva.example", 443, True, b"xn--bcher-kva.example", b"/v1")),
    ],
)
def test_a_base_url_is_host_port_and_path(url: str, expected: tuple[Any, ...]) -> None:
    place = place_of(url)
    assert (place.host, place.port, place.is_tls, place.host_header, place.path) == expected


@pytest.mark.parametrize("url", ["ftp://a/v1", "http:///v1", "http://user@a/v1", "http://a/v1?b=c", "a/v1"])
def test_another_url_is_an_error(url: str) -> None:
    with pytest.raises(ValueError, match="no base URL"):
        place_of(url)
