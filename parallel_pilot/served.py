"""One request to a route that the application serves itself in OpenAI's shape, copied as it passes."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from parallel_pilot.hints import Hints
from parallel_pilot.shadow import Shadow
from parallel_pilot.watch import MAX_REQUEST_BYTES, Watch, end_by

ERROR_STATUS = 500


class Served:
    """Stands between server and application for one request.

    Args:
        shadow: The pilot's arguments.
        path: The request's path.
        hints: What was said of it.
    """

    def __init__(self, shadow: Shadow, path: str, hints: Hints) -> None:
        self._shadow = shadow
        self._path = path
        self._hints = hints
        self._pieces: list[bytes] = []
        self._size = 0
        self._is_read = False
        self._is_gone = False
        self._watch: Watch | None = None

    async def run(self, app: Callable[..., Awaitable[None]], scope: Any, receive: Any, send: Any) -> None:
        """Calls the application; its exceptions pass as they are."""

        async def heard() -> MutableMapping[str, Any]:
            message: MutableMapping[str, Any] = await receive()
            self._guarded(self._heard, message)
            return message

        async def said(message: MutableMapping[str, Any]) -> None:
            self._guarded(self._said, message)
            await send(message)

        try:
            await app(scope, heard, said)
        except BaseException as error:
            self._guarded(self._broken, error)
            raise
        self._guarded(self._over, None)

    def _guarded(self, step: Callable[[Any], None], fact: Any) -> None:
        try:
            step(fact)
        except Exception:
            self._shadow.note_failure("ShadowMiddleware")

    def _heard(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.disconnect":
            self._is_gone = True
        elif message["type"] == "http.request" and not self._is_read:
            piece = message.get("body", b"")
            self._size += len(piece)
            if self._size <= MAX_REQUEST_BYTES:
                self._pieces.append(piece)
            if not message.get("more_body", False):
                self._open()

    def _open(self) -> None:
        """The request is whole: it is copied, and the clock starts."""
        self._is_read = True
        if self._shadow.drops("POST", self._path, self._hints, self._size):
            return
        self._watch = self._shadow.open(self._path, self._hints, b"".join(self._pieces))

    def _said(self, message: MutableMapping[str, Any]) -> None:
        if not self._is_read:
            self._open()
        if self._watch is None:
            return
        if message["type"] == "http.response.start":
            headers = {name.lower(): value.decode("latin-1") for name, value in message.get("headers", ())}
            self._watch.responded(message["status"], headers.get(b"content-type", ""), headers.get(b"content-encoding", ""))
        elif message["type"] == "http.response.body":
            if piece := message.get("body", b""):
                self._watch.chunk(bytes(piece))
            if not message.get("more_body", False):
                self._watch.finish("client_cancelled" if self._is_gone else "complete")

    def _broken(self, error: BaseException) -> None:
        """The server answers an application that failed before its response with 500."""
        if not self._is_read:
            self._open()
        if self._watch is None:
            return
        if self._watch.status is None and isinstance(error, Exception):
            self._watch.responded(ERROR_STATUS, "", "")
            self._watch.finish("complete")
        self._watch.finish("client_cancelled" if self._is_gone else end_by(error))

    def _over(self, _: None) -> None:
        if not self._is_read:
            self._open()
        if self._watch is not None:
            self._watch.finish("client_cancelled" if self._is_gone else "connection")
