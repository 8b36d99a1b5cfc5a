"""Files with keys in `PILOT_HOME`: made once with mode 600, replaced as a whole, whatever else runs at the same time."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def made_once(file: Path, make: Callable[[], str]) -> str:
    """The file's text; of several processes that make it at once one wins and all read the same."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = _draft(file, make())
        try:
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        _sync_name(file)
    return file.read_text().strip()


def replace(file: Path, text: str) -> None:
    """Another text in place of the file's: who reads meanwhile finds one or the other, also after a crash."""
    os.replace(_draft(file, text), file)  # noqa: PTH105 - says that it replaces
    _sync_name(file)


def _sync_name(file: Path) -> None:
    """What is stored under a key must not outlive, after a crash, the name under which the key is found."""
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _draft(file: Path, text: str) -> Path:
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    with draft.open("w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    return draft
