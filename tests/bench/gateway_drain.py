"""Reads and acknowledges whatever comes to the two streams, until it is ended."""

import asyncio
import contextlib
import sys

from app.capture.streams import MIRROR, RECORD, REDIS_ERRORS, StreamReader, open_streams


async def drain(url: str) -> None:
    """Both streams, for ever."""
    await asyncio.gather(*(_drain(url, stream) for stream in (MIRROR, RECORD)))


async def _drain(url: str, stream: str) -> None:
    reader = StreamReader(open_streams(url), stream, "drain")
    while True:
        with contextlib.suppress(*REDIS_ERRORS):
            entries = await reader.read(1000, 0.05)
            await reader.acknowledge([number for number, _ in entries])
            if len(entries) < 500:
                await asyncio.sleep(0.02)


def main() -> None:
    """Ends with SIGTERM."""
    asyncio.run(drain(sys.argv[1]))


main()
