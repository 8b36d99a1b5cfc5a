"""Disks of the test's own: small ones that can be full, and folders that nothing can be written into. Needs root."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@cache
def can_mount() -> bool:
    """Whether this user may."""
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory(prefix="pp-mount-") as folder:
        if _mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", folder, check=False).returncode:
            return False
        unmount(Path(folder))
        return True


@dataclass(frozen=True)
class Disk:
    """A tmpfs over a folder."""

    folder: Path
    megabytes: int

    @contextmanager
    def mounted(self) -> Iterator["Disk"]:
        """Until the end, whatever is on it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)
        _mount("-t", "tmpfs", "-o", f"size={self.megabytes}m,mode=0711", "tmpfs", str(self.folder))
        try:
            yield self
        finally:
            unmount(self.folder)

    @contextmanager
    def full(self) -> Iterator[None]:
        """Not a byte more fits."""
        until = time.monotonic() + 5
        while self._resize(f"{self._used_bytes() + 4096}").returncode:  # it grew meanwhile
            assert time.monotonic() < until, f"{self.folder} cannot be made smaller"
        try:
            yield
        finally:
            assert self._resize(f"{self.megabytes}m").returncode == 0

    def _used_bytes(self) -> int:
        state = os.statvfs(self.folder)
        return (state.f_blocks - state.f_bfree) * state.f_frsize

    def _resize(self, size: str) -> "subprocess.CompletedProcess[bytes]":
        return _mount("-o", f"remount,size={size}", str(self.folder), check=False)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing can be written below the folder, but on disks that are mounted there and into files that are open."""
    _mount("--rbind", str(folder), str(folder))
    try:
        _mount("-o", "remount,bind,ro", str(folder))
        yield
    finally:
        subprocess.run(["umount", "-l", "-R", str(folder)], check=True)


def unmount(folder: Path) -> None:
    """Also while somebody still has a file open there."""
    if subprocess.run(["umount", str(folder)], check=False, capture_output=True).returncode:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _mount(*arguments: str, check: bool = True) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["mount", *arguments], check=check, capture_output=True)
