"""The file of a backup: a zip of parts and a manifest with the SHA-256 of each; made as a whole or not at all."""

import hashlib
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from app.errors import StackError

FORMAT, VERSION = "parallel-pilot backup", 1
MANIFEST = "manifest.json"
READ_BYTES = 1 << 20
_LENGTH = struct.Struct(">I")


class PartWriter:
    """One part while it is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sum = hashlib.sha256()
        self._bytes = 0

    def write(self, data: bytes) -> None:
        """More of it."""
        self._sum.update(data)
        self._bytes += len(data)
        self._file.write(data)

    def frame(self, data: bytes) -> None:
        """A piece that is read back as one."""
        self.write(_LENGTH.pack(len(data)))
        self.write(data)

    def facts(self) -> dict[str, Any]:
        """What the manifest says of it."""
        return {"bytes": self._bytes, "sha256": self._sum.hexdigest()}


class BackupWriter:
    """A backup while it is made."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.parts: dict[str, dict[str, Any]] = {}

    @contextmanager
    def part(self, name: str, **facts: Any) -> Iterator[PartWriter]:
        """Writes one part; `facts` may be added to until it ends."""
        with self._archive.open(name, "w", force_zip64=True) as file:
            writer = PartWriter(file)
            yield writer
        self.parts[name] = facts | writer.facts()

    def finish(self, facts: dict[str, Any]) -> None:
        """Writes the manifest."""
        manifest = {"format": FORMAT, "version": VERSION, **facts, "parts": self.parts}
        self._archive.writestr(MANIFEST, json.dumps(manifest, indent=2, sort_keys=True))


@contextmanager
def writing_backup(file: Path) -> Iterator[BackupWriter]:
    """A new file of mode 600; nothing is left of one that is not finished."""
    if file.exists():
        message = f"{file} is there already"
        raise StackError(message)
    draft = file.with_name(f".{file.name}.part")
    try:
        # What lies there is of one that was killed, or of somebody else, who could read what is written into a file of theirs.
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "wb") as stream:
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                yield BackupWriter(archive)
            stream.flush()
            os.fsync(stream.fileno())
        draft.rename(file)
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror or error}"
        raise StackError(message) from error
    finally:
        draft.unlink(missing_ok=True)


class Backup:
    """A backup that is there."""

    def __init__(self, archive: zipfile.ZipFile, manifest: dict[str, Any]) -> None:
        self._archive = archive
        self.manifest = manifest

    def check(self) -> None:
        """Reads all of it; `StackError` names what is damaged or missing."""
        for name, facts in self.manifest["parts"].items():
            digest = hashlib.sha256()
            for data in self.read(name):
                digest.update(data)
            if digest.hexdigest() != facts["sha256"]:
                message = f"the backup is damaged: {name} is not what its manifest says"
                raise StackError(message)

    def read(self, name: str) -> Iterator[bytes]:
        """A part, piece by piece."""
        try:
            with self._archive.open(name) as file:
                while data := file.read(READ_BYTES):
                    yield data
        except (KeyError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            message = f"the backup is damaged: {name} cannot be read ({error})"
            raise StackError(message) from error

    def frames(self, name: str) -> Iterator[bytes]:
        """The pieces of a part that was written in frames."""
        with self._archive.open(name) as file:
            while head := file.read(_LENGTH.size):
                yield file.read(_LENGTH.unpack(head)[0])


@contextmanager
def reading_backup(file: Path) -> Iterator[Backup]:
    """Opens a backup; `StackError` if it is none, or of a later format."""
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = json.loads(archive.read(MANIFEST))
            if (
                not isinstance(manifest, dict)
                or manifest.get("format") != FORMAT
                or not isinstance(manifest.get("version"), int)
            ):
                message = f"{file} is no backup of this program"
                raise StackError(message)
            if manifest["version"] > VERSION:
                message = f"{file} was made by a newer version: restore it with that one"
                raise StackError(message)
            yield Backup(archive, manifest)
    except (OSError, zipfile.BadZipFile, zlib.error, KeyError, ValueError) as error:
        message = f"{file} is no whole backup: {error}"
        raise StackError(message) from error


def sum_of(manifest: dict[str, Any]) -> str:
    """By which the keys' file names its backup: the manifest has the SHA-256 of each part."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def pieces(parts: Iterable[bytes]) -> bytes:
    """Small parts as a whole."""
    return b"".join(parts)
