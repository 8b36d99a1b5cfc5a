"""The wall clock of chosen processes of a stack, moved while they run (`skew.c`, preloaded)."""

import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("skew.c")
# As `skew.c` calls them; PostgreSQL is started with an environment of its own and keeps the machine's time.
CLOCKS = {name: name for name in ("gateway", "mirror", "recorder", "worker", "beat", "redis")} | {"api": "serve"}


@dataclass(frozen=True)
class Clocks:
    """The files by which clocks are moved."""

    folder: Path

    @classmethod
    def made(cls, folder: Path) -> "Clocks":
        """Compiles what is preloaded."""
        folder.mkdir(mode=0o755)
        compiler = shutil.which("gcc") or shutil.which("cc")
        assert compiler is not None, "gcc is missing"
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", str(folder / "skew.so"), str(SOURCE), "-ldl"], check=True)
        found = cls(folder)
        for name in CLOCKS.values():
            (folder / name).write_bytes(struct.pack("=qdq", 0, 0.0, 0))
        return found

    @property
    def environment(self) -> dict[str, str]:
        """For the stack's start."""
        return {"LD_PRELOAD": str(self.folder / "skew.so"), "PP_SKEW_FOLDER": str(self.folder)}

    @contextmanager
    def moved(self, *names: str, seconds: float = 0.0, drift: float = 0.0) -> Iterator[None]:
        """Clocks of those processes; back at the end, which is a jump too."""
        for name in names:
            self._write(name, seconds, drift)
        try:
            yield
        finally:
            for name in names:
                self._write(name, 0.0, 0.0)

    def _write(self, name: str, seconds: float, drift: float) -> None:
        with (self.folder / CLOCKS[name]).open("r+b") as file:  # in place: it is mapped
            file.write(struct.pack("=qdq", int(seconds * 1e9), drift, time.monotonic_ns()))
