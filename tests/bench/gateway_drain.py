"""Empties the two streams many times a second, until it is ended: readers that keep up, and cost the machine nothing."""

import asyncio
import contextlib
import sys

from app.capture.streams import MIRROR, RECORD, REDIS_ERRORS, open_streams

PAUSE_SECONDS = 0.05


async def drain(url: str) -> None:
    """For ever."""
    client = open_streams(url)
    while True:
        with contextlib.suppress(*REDIS_ERRORS):
            for stream in (MIRROR, RECORD):
                await client.xtrim(stream, maxlen=0, approximate=False)
        await asyncio.sleep(PAUSE_SECONDS)


def main() -> None:
    """Ends with SIGTERM."""
    asyncio.run(drain(sys.argv[1]))


main()
