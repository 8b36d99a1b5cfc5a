"""Transports for httpx and httpx2 clients: production's calls pass unchanged, their copies leave in the background."""

from functools import cache
from types import ModuleType, TracebackType
from typing import Any

from parallel_pilot.fallback import Fallback, for_gateway
from parallel_pilot.hints import PREFIX
from parallel_pilot.libraries import body_of, chosen_library, library_of, own_transport, rebuilt
from parallel_pilot.relay import relay
from parallel_pilot.shadow import Shadow, note_transport
from parallel_pilot.watch import Watch, end_by


def shadow_transport(  # noqa: PLR0913 - all of them are named
    *, pilot: str, service_url: str | None = None, api_key: str | None = None, transport: Any = None,
    library: str | ModuleType | None = None, direct_fallback: str | None = None, enabled: bool = True,
    segment: str | None = None, content: str | None = None, outbox_bytes: int | None = None,
) -> Any:  # fmt: skip
    """A transport for `httpx.Client` or `httpx2.Client` that copies model calls to the pilot.

    Args:
        pilot: Name of the pilot.
        service_url: Address of the service, as in `http://pilot:8080`; `None` with `direct_fallback` = nothing is copied.
        api_key: A key with the role `ingest`.
        transport: What really sends; default: an `HTTPTransport` bounded as the openai SDK's own. Environment proxies are the
            client's business: with them, give `HTTPTransport(proxy=...)`.
        library: `"httpx"` or `"httpx2"`; default: found out from `transport`, from what is imported, from the openai SDK.
        direct_fallback: The vendor's base URL. The client's `base_url` is then the gateway's, which mirrors; when it refuses
            the connection, the request goes straight to the vendor, and only then it is copied from here.
        enabled: `False` copies and counts nothing.
        segment: Kind of work of calls of which neither headers nor the middleware say any.
        content: `full`, `masked` or `metadata`; the strictest of this, the request's header and the pilot's holds.
        outbox_bytes: Most that waits in this process for the service (16 MiB).

    Returns:
        An instance of the library's `BaseTransport`.

    Raises:
        ValueError: An argument that can never work.
        ImportError: Neither httpx nor httpx2 is installed.
    """
    shadow = _shadow(pilot, service_url, api_key, direct_fallback, enabled, segment, content, outbox_bytes)
    chosen = chosen_library(transport, library)
    return _kind(chosen, is_async=False)(shadow, chosen, transport, direct_fallback)


def async_shadow_transport(  # noqa: PLR0913 - all of them are named
    *, pilot: str, service_url: str | None = None, api_key: str | None = None, transport: Any = None,
    library: str | ModuleType | None = None, direct_fallback: str | None = None, enabled: bool = True,
    segment: str | None = None, content: str | None = None, outbox_bytes: int | None = None,
) -> Any:  # fmt: skip
    """The same for `httpx.AsyncClient` and `httpx2.AsyncClient`; see `shadow_transport`."""
    shadow = _shadow(pilot, service_url, api_key, direct_fallback, enabled, segment, content, outbox_bytes)
    chosen = chosen_library(transport, library)
    return _kind(chosen, is_async=True)(shadow, chosen, transport, direct_fallback)


class _Transport:
    def __init__(self, shadow: Shadow, library: ModuleType, inner: Any, direct_fallback: str | None) -> None:
        self._shadow = shadow
        self._library = library
        self._is_own = inner is None
        self._inner = own_transport(library, is_async=self._is_async) if inner is None else inner
        self._fallback = None if direct_fallback is None else Fallback(direct_fallback)

    _is_async = False

    def _fitting(self, request: Any) -> None:
        """A guess at the library that turns out wrong is put right by the first request."""
        made_of = library_of(request)
        if self._is_own and made_of is not None and made_of is not self._library:
            self._library = made_of
            self._inner = own_transport(made_of, is_async=self._is_async)

    def _begin(self, request: Any, *, is_direct: bool = False) -> tuple[Any, Watch | None]:
        """The request as the vendor gets it, and the watch on it if it is copied."""
        outgoing = self._fallback.direct(request) if is_direct and self._fallback is not None else request
        try:
            if type(request).__module__.partition(".")[0] != self._library.__name__:
                self._fitting(request)
            return self._begun(request, outgoing)
        except Exception:
            self._shadow.note_failure("shadow_transport")
            return outgoing, None

    def _begun(self, request: Any, outgoing: Any) -> tuple[Any, Watch | None]:
        raw = request.headers.raw
        hints, has_ours = self._shadow.hints_for(raw)
        if has_ours and outgoing is request:
            outgoing = rebuilt(request, headers=[(name, value) for name, value in raw if name[:8].lower() != PREFIX])
        path, body = request.url.path, body_of(request)
        if self._shadow.drops(request.method, path, hints, len(body)):
            return outgoing, None
        watch = self._shadow.open(path, hints, body)
        if watch is not None:
            watch.start()
        return outgoing, watch

    def _relayed(self, response: Any, watch: Watch) -> Any:
        try:
            relay(response, watch, self._library, is_async=self._is_async)
        except Exception:
            watch.give_up()
            self._shadow.note_failure("shadow_transport")
        return response

    def _to_gateway(self, request: Any) -> Any:
        try:
            self._fitting(request)
            return for_gateway(request, self._shadow.hints_for(request.headers.raw)[0])
        except Exception:
            self._shadow.note_failure("direct_fallback")
            return request


class SyncTransport(_Transport):
    """Half of a `BaseTransport`; the other half is the library's."""

    def handle_request(self, request: Any) -> Any:
        """Sends one request; the inner transport's exceptions pass as they are."""
        if self._fallback is None:
            return self._send(*self._begin(request))
        if not self._fallback.is_away:
            try:
                return self._inner.handle_request(self._to_gateway(request))
            except Exception as error:
                if not self._fallback.takes(error, self._library):
                    raise
        return self._send(*self._begin(request, is_direct=True))

    def _send(self, request: Any, watch: Watch | None) -> Any:
        if watch is None:
            return self._inner.handle_request(request)
        try:
            response = self._inner.handle_request(request)
        except BaseException as error:
            watch.finish(end_by(error))
            raise
        return self._relayed(response, watch)

    def __enter__(self) -> Any:
        self._inner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None = None, error: BaseException | None = None, trace: TracebackType | None = None
    ) -> None:
        self._inner.__exit__(kind, error, trace)

    def close(self) -> None:
        """Closes the inner transport; what waits to be sent is sent all the same."""
        self._inner.close()


class AsyncTransport(_Transport):
    """Half of an `AsyncBaseTransport`."""

    _is_async = True

    async def handle_async_request(self, request: Any) -> Any:
        """Sends one request; the inner transport's exceptions pass as they are."""
        if self._fallback is None:
            return await self._send(*self._begin(request))
        if not self._fallback.is_away:
            try:
                return await self._inner.handle_async_request(self._to_gateway(request))
            except Exception as error:
                if not self._fallback.takes(error, self._library):
                    raise
        return await self._send(*self._begin(request, is_direct=True))

    async def _send(self, request: Any, watch: Watch | None) -> Any:
        if watch is None:
            return await self._inner.handle_async_request(request)
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException as error:
            watch.finish(end_by(error))
            raise
        return self._relayed(response, watch)

    async def __aenter__(self) -> Any:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None = None, error: BaseException | None = None, trace: TracebackType | None = None
    ) -> None:
        await self._inner.__aexit__(kind, error, trace)

    async def aclose(self) -> None:
        """Closes the inner transport; what waits to be sent is sent all the same."""
        await self._inner.aclose()


def _shadow(
    pilot: str, service_url: str | None, api_key: str | None, direct_fallback: str | None, enabled: bool,
    segment: str | None, content: str | None, outbox_bytes: int | None,
) -> Shadow:  # fmt: skip
    if enabled and service_url is None and direct_fallback is None:
        message = "give service_url (to copy calls there), direct_fallback (behind a gateway), or enabled=False"
        raise ValueError(message)
    note_transport(pilot)
    return Shadow(pilot, service_url, api_key, enabled=enabled, segment=segment, content=content, outbox_bytes=outbox_bytes)


@cache
def _kind(library: ModuleType, *, is_async: bool) -> Any:
    if is_async:
        return type("AsyncShadowTransport", (AsyncTransport, library.AsyncBaseTransport), {})
    return type("ShadowTransport", (SyncTransport, library.BaseTransport), {})
