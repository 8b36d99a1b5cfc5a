"""Files that commands write."""

import os
import tempfile
from pathlib import Path

from parallel_pilot.cli.errors import CommandFailed


def write_whole(out: Path, content: bytes) -> None:
    """Writes whole or not at all."""
    try:
        handle, draft = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(draft).chmod(0o666 & ~_umask())
        Path(draft).replace(out)
    except OSError as error:
        message = f"{out} cannot be written: {error.strerror}"
        raise CommandFailed(message) from None


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
