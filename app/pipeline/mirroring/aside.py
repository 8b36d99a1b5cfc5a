"""Work on long texts, and all masking, in a thread of its own: calls under way are timed by a loop that nothing holds up."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from app.domain.toml_table import ContentLevel

# Reading JSON of so many bytes takes about a millisecond.
LONG_BYTES = 64 * 1024

Found = TypeVar("Found")
# One: more of them would only take each other's turns.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="texts")


async def aside(work: Callable[[], Found], *, size: int, level: ContentLevel = "full") -> Found:
    """What the work gives; done at once if it is little.

    Args:
        work: Touches nothing that others touch.
        size: Bytes that it works on.
        level: `masked` is much work whatever the size.
    """
    if size <= LONG_BYTES and level != "masked":
        return work()
    return await asyncio.get_running_loop().run_in_executor(_thread, work)
