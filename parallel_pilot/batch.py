"""A batch as the bytes of one `POST /ingest` (docs/in-app.md): a line of JSON, then the bodies one after the other."""

import json
import time
import zlib
from typing import Any

from parallel_pilot.outbox import Batch, Item
from parallel_pilot.watch import Watch

VERSION = 1
WORTH_COMPRESSING_BYTES = 16 * 1024
WORTH_SENDING = 0.9
COMPRESSION_LEVEL = 1
GZIP_WINDOW = 31  # zlib's word for its largest window with gzip's head


def encode(batch: Batch, sent_us: int | None = None) -> bytes:
    """The bytes of a batch; `sent_us` is this machine's clock now, by which the service knows how far off it is."""
    now_us = time.time_ns() // 1000 if sent_us is None else sent_us
    parts: list[bytes] = []
    events = [_event(item, parts) for item in batch.items]
    if batch.counts is not None:
        counts = {pilot: {"issued": ledger.issued, "dropped": ledger.dropped} for pilot, ledger in batch.counts.items()}
        events.append({"kind": "count", "at_us": now_us, "is_final": batch.is_final, "pilots": counts})
    head = {"version": VERSION, "boot": batch.boot, "started_us": batch.started_us, "sent_us": now_us, "events": events}
    return b"".join((json.dumps(head, separators=(",", ":")).encode(), b"\n", *parts))


def compress(body: bytes) -> bytes | None:
    """The body in gzip, if that is worth it."""
    if len(body) < WORTH_COMPRESSING_BYTES:
        return None
    packer = zlib.compressobj(COMPRESSION_LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    packed = packer.compress(body) + packer.flush()
    return packed if len(packed) < WORTH_SENDING * len(body) else None


def _event(item: Item, parts: list[bytes]) -> dict[str, Any]:
    watch = item.watch
    hints = watch.hints
    said = {
        "segment": hints.segment, "conversation": hints.conversation, "content": hints.content,
        "retry_count": hints.retry_count,
    }  # fmt: skip
    head = {"kind": item.kind, "pilot": watch.pilot, "number": watch.number, "at_us": watch.at_us, "path": watch.path}
    request = watch.request or b""
    if item.kind == "request":
        parts.append(request)
        return head | {"hints": said, "parts": [len(request)]}
    parts.extend(watch.pieces)
    if watch.carries_request:
        parts.append(request)
    return head | {"hints": said} | _reply(watch) | {"parts": [watch.kept, len(request) if watch.carries_request else None]}


def _reply(watch: Watch) -> dict[str, Any]:
    return {
        "status": watch.status,
        "content_type": watch.content_type,
        "content_encoding": watch.content_encoding,
        "chunks": [(round(at, 6), size) for at, size in watch.chunks],
        "total_seconds": round(watch.total_seconds, 6),
        "lag_seconds": None,
        "end": watch.end,
    }
