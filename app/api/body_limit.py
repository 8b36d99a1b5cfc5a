"""Bounds every request's body, whether or not its length was announced."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.error_handlers import error_response

BODY_BYTES = 1024 * 1024
IMPORTS = "/api/v1/imports/"
FILES = ("/labels/import", "/hours/import", "/invoices", "/plan/usage")
INGEST = "/ingest"


class BodyLimit:
    """Pure ASGI: import chunks, files of labels and hours, vendors' exports may have `import_chunk_bytes`.

    Batches of events may have `ingest_bytes`, all other bodies 1 MiB.
    """

    def __init__(self, app: ASGIApp, *, import_chunk_bytes: int, ingest_bytes: int) -> None:
        self.app = app
        self.import_chunk_bytes = import_chunk_bytes
        self.ingest_bytes = ingest_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        if _announced(scope) > limit:
            await error_response(413, "too_large", _text(limit))(scope, receive, send)
            return
        await self.app(scope, _counted(receive, limit), send)

    def _limit(self, path: str) -> int:
        if path == INGEST:
            return self.ingest_bytes
        return self.import_chunk_bytes if path.startswith(IMPORTS) or path.endswith(FILES) else BODY_BYTES


def _announced(scope: Scope) -> int:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(lengths[0]) if lengths and lengths[0].isdigit() else 0


def _text(limit: int) -> str:
    return f"the body is larger than {limit} bytes, the most that this address takes"


def _counted(receive: Receive, limit: int) -> Receive:
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise HTTPException(413, _text(limit))
        return message

    return bounded
