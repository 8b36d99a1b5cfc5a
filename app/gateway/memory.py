"""How the process's allocator is told to give memory back."""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
LARGE_BYTES = 64 * 1024
FREE_BYTES = 1024 * 1024


def give_memory_back() -> bool:
    """Bodies and replies from 64 KiB on get pages of their own, which return when they are freed; false if it cannot be said.

    glibc raises that threshold by itself up to 32 MiB, and then a burst of large prompts stays in the process for good.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES) and mallopt(_M_TRIM_THRESHOLD, FREE_BYTES))
