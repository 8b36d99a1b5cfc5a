"""A batch as the bytes of one `POST /ingest` (docs/in-app.md): a line of JSON, then the bodies one after the other."""

import json
import time
import zlib
from typing import Any

from parallel_pilot.outbox import Batch, Item
from parallel_pilot.watch import Watch

VERSION = 1
CHUNKS_AT_ONCE = 256
WORTH_COMPRESSING_BYTES = 16 * 1024
WORTH_SENDING = 0.9
COMPRESSION_LEVEL = 1
GZIP_WINDOW = 31  # zlib's word for its largest window with gzip's head


def encode(batch: Batch, sent_us: int | None = None) -> bytes:
    """The bytes of a batch; `sent_us` is this machine's clock now, by which the service knows how far off it is.

    Runs beside production in one interpreter: between small steps it lets others go on.
    """
    now_us = time.time_ns() // 1000 if sent_us is None else sent_us
    parts: list[bytes] = []
    events = [_event(item, parts) for item in batch.items]
    if batch.counts is not None:
        counts = {pilot: {"issued": ledger.issued, "dropped": ledger.dropped} for pilot, ledger in batch.counts.items()}
        events.append(_json({"kind": "count", "at_us": now_us, "is_final": batch.is_final, "pilots": counts}))
    head = _json({"version": VERSION, "boot": batch.boot, "started_us": batch.started_us, "sent_us": now_us})
    return b"".join((f'{head[:-1]},"events":[{",".join(events)}]}}'.encode(), b"\n", *parts))


def compress(body: bytes) -> bytes | None:
    """The body in gzip, if that is worth it."""
    if len(body) < WORTH_COMPRESSING_BYTES:
        return None
    packer = zlib.compressobj(COMPRESSION_LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    packed = packer.compress(body) + packer.flush()
    return packed if len(packed) < WORTH_SENDING * len(body) else None


def _event(item: Item, parts: list[bytes]) -> str:
    time.sleep(0)
    watch = item.watch
    hints = watch.hints
    said = {
        "segment": hints.segment,
        "conversation": hints.conversation,
        "content": hints.content,
        "retry_count": hints.retry_count,
    }
    head = {
        "kind": item.kind,
        "pilot": watch.pilot,
        "number": watch.number,
        "at_us": watch.at_us,
        "path": watch.path,
        "hints": said,
    }
    request = watch.request or b""
    if item.kind == "request":
        parts.append(request)
        return _json(head | {"parts": [len(request)]})
    parts.extend(watch.pieces)
    if watch.carries_request:
        parts.append(request)
    lengths = [watch.kept, len(request) if watch.carries_request else None]
    return f'{_json(head | _reply(watch) | {"parts": lengths})[:-1]},"chunks":[{_chunks(watch)}]}}'


def _reply(watch: Watch) -> dict[str, Any]:
    return {
        "status": watch.status,
        "content_type": watch.content_type,
        "content_encoding": watch.content_encoding,
        "total_seconds": round(watch.total_seconds, 6),
        "lag_seconds": None,
        "end": watch.end,
    }


def _chunks(watch: Watch) -> str:
    """A long stream has thousands: the encoder of the standard library would not let go until it has them all."""
    slices = []
    for start in range(0, len(watch.chunks), CHUNKS_AT_ONCE):
        slices.append(",".join("[%.6f,%d]" % pair for pair in watch.chunks[start : start + CHUNKS_AT_ONCE]))  # noqa: UP031 - quickest
        time.sleep(0)
    return ",".join(slices)


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))
