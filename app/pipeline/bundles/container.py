"""The one file that a bundle is: a zip whose every byte follows from what is in it, so that a changed one can be named."""

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import BinaryIO, NamedTuple, cast

from app.errors import Conflict

MANIFEST = "MANIFEST.json"
WHOLE = "(the zip file itself)"
PIECE_BYTES = 1 << 20
# A bundle is no larger: the plain format of zip ends here, and nobody opens more.
MOST_BYTES = (1 << 32) - (1 << 24)
MOST_FILES = 2_000
# Tables pack ten or twenty to one; what unpacks to more is made to fill a disk or a memory.
MOST_PACKED, SMALL_BYTES = 300, 1 << 20
MOST_READ_BYTES = 1 << 30
_DATE = (1980, 1, 1, 0, 0, 0)
_LEVEL = 4
_END = struct.Struct("<4s4H2LH")
_LINE = struct.Struct("<4s4B4H3L5H2L")
_DATE_WORD = 1 << 5 | 1  # the first of January 1980, as zip counts
# What reading a damaged zip ends with; a feature that is not supported or a password is damage here, too.
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OSError)


@dataclass(frozen=True, slots=True)
class FileSum:
    """A file of a bundle: its size and SHA-256, as it is and as it is packed."""

    path: str
    bytes: int
    sha256: str
    packed_bytes: int
    packed_sha256: str


class Finding(NamedTuple):
    """Something that is not as the manifest says; `expected` and `found` are sums, sizes or words."""

    path: str
    what: str
    expected: str = ""
    found: str = ""


class Hashing:
    """A stream that is written to and added up."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def write(self, content: bytes | memoryview) -> int:
        """Writes all of it."""
        self.digest.update(content)
        return self._stream.write(content)

    def flush(self) -> None:
        """As streams do."""


@dataclass(slots=True)
class Packing:
    """Writes files into a zip one after the other; `sums` are complete when it is closed."""

    target: BinaryIO
    sums: list[FileSum] = field(default_factory=list)
    _zip: zipfile.ZipFile = field(init=False)
    _plain: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        is_begun = self.target.seek(0, 2) > 0
        self._zip = zipfile.ZipFile(self.target, "a" if is_begun else "w")

    @contextmanager
    def file(self, path: str, *, packed: bool = True) -> Iterator[BinaryIO]:
        """One file to be written.

        Args:
            path: Within the bundle.
            packed: Whether to deflate it; Parquet is packed already.
        """
        with self._zip.open(_entry(path, packed=packed), "w") as stream:
            hashing = Hashing(cast(BinaryIO, stream))
            yield cast(BinaryIO, hashing)
        self._plain[path] = hashing.digest.hexdigest()

    def add(self, path: str, content: bytes, *, packed: bool = True) -> None:
        """A file from its content."""
        with self.file(path, packed=packed) as stream:
            stream.write(content)

    def close(self) -> list[FileSum]:
        """Ends the zip; gives the sums of the files that were added."""
        written = [info for info in self._zip.infolist() if info.filename in self._plain]
        self._zip.close()
        if self.target.seek(0, 2) > MOST_BYTES:
            message = f"the data bundle would be larger than {MOST_BYTES >> 30} GiB; take a shorter pilot, or read the tables"
            raise Conflict(message)
        self.sums = [_sum(self.target, info, self._plain[info.filename]) for info in written]
        return self.sums


def _entry(path: str, *, packed: bool) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(path, _DATE)
    made.create_system = 3
    made.external_attr = 0o644 << 16
    made.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    setattr(made, "compress_level" if hasattr(made, "compress_level") else "_compresslevel", _LEVEL)  # public from 3.13 on
    return made


def _sum(stream: BinaryIO, info: zipfile.ZipInfo, digest: str) -> FileSum:
    return FileSum(info.filename, info.file_size, digest, info.compress_size, _packed_digest(stream, info))


def _packed_digest(stream: BinaryIO, info: zipfile.ZipInfo) -> str:
    digest, left = hashlib.sha256(), info.compress_size
    stream.seek(info.header_offset + len(info.FileHeader(zip64=False)))
    while left and (piece := stream.read(min(left, PIECE_BYTES))):
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest()


def open_container(stream: BinaryIO) -> zipfile.ZipFile:
    """A zip to be read; `BadZipFile` says why it is none, or none that is read here: nothing is unpacked to find out."""
    try:
        opened = zipfile.ZipFile(stream)
    except _DAMAGE as error:
        message = f"it cannot be read as a zip: {error}"
        raise zipfile.BadZipFile(message) from error
    infos = opened.infolist()
    if len(infos) > MOST_FILES:
        message = f"{len(infos)} files are more than a bundle has"
        raise zipfile.BadZipFile(message)
    total = 0
    for info in infos:
        if not is_safe(info.filename):
            message = f"the name {info.filename!r:.80} leads out of the bundle"
            raise zipfile.BadZipFile(message)
        total += info.file_size
        is_bomb = info.file_size > MOST_PACKED * info.compress_size + SMALL_BYTES or total > 8 * MOST_BYTES
        if is_bomb or info.header_offset < 0 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            message = f"{info.filename}: {info.compress_size} bytes that unpack to {info.file_size} are no file of a bundle"
            raise zipfile.BadZipFile(message)
    return opened


def is_safe(path: str) -> bool:
    """Whether a name stays within the bundle, wherever it is unpacked."""
    parts = PurePosixPath(path).parts
    has_strange = any(mark in path for mark in ("\\", ":", "\0", "//")) or not path.isprintable()
    return bool(parts) and not path.startswith("/") and not path.endswith("/") and ".." not in parts and not has_strange


def check_container(stream: BinaryIO, opened: zipfile.ZipFile) -> Iterator[Finding]:
    """What of the zip itself is not as this program writes it: headers, what stands between files, its end."""
    infos = sorted(opened.infolist(), key=lambda info: info.header_offset)
    twice = {info.filename for info in infos if sum(other.filename == info.filename for other in infos) > 1}
    yield from (Finding(name, "is there twice") for name in sorted(twice))
    at = 0
    for info in infos:
        expected = _entry(info.filename, packed=info.compress_type == zipfile.ZIP_DEFLATED)
        expected.CRC, expected.compress_size, expected.file_size = info.CRC, info.compress_size, info.file_size
        header = expected.FileHeader(zip64=False)
        if info.header_offset != at:
            yield Finding(info.filename, "its place in the zip", str(at), str(info.header_offset))
        stream.seek(info.header_offset)
        if stream.read(len(header)) != header:
            yield Finding(info.filename, "its header in the zip", "as it is written", "changed")
        at += len(header) + info.compress_size
    yield from _check_directory(stream, infos, at)
    yield from _check_end(stream, opened, at)


def _check_directory(stream: BinaryIO, infos: list[zipfile.ZipInfo], at: int) -> Iterator[Finding]:
    stream.seek(at)
    for info in infos:
        name = info.filename.encode()
        line = _LINE.pack(
            b"PK\1\2", 20, 3, 20, 0, 0, info.compress_type, 0, _DATE_WORD, info.CRC, info.compress_size, info.file_size,
            len(name), 0, 0, 0, 0, 0o644 << 16, info.header_offset,
        )  # fmt: skip
        if stream.read(len(line) + len(name)) != line + name:
            yield Finding(info.filename, "its line in the zip's directory", "as it is written", "changed")


def _check_end(stream: BinaryIO, opened: zipfile.ZipFile, at: int) -> Iterator[Finding]:
    size = stream.seek(0, 2)
    count = len(opened.infolist())
    length = size - at - _END.size
    expected = _END.pack(b"PK\5\6", 0, 0, count, count, max(0, length), at, 0)
    stream.seek(max(0, size - _END.size))
    if stream.read() != expected:
        yield Finding(WHOLE, "its end", "as it is written", "changed, or bytes were added")


def check_files(stream: BinaryIO, opened: zipfile.ZipFile, sums: list[FileSum]) -> Iterator[Finding]:
    """Files that are missing, that nobody listed, or whose bytes are others than their sums say."""
    there = {info.filename: info for info in opened.infolist()}
    listed = {each.path for each in sums} | {MANIFEST}
    yield from (Finding(each, "is in the bundle, and the manifest does not name it") for each in sorted(there.keys() - listed))
    for each in sums:
        info = there.get(each.path)
        if info is None:
            yield Finding(each.path, "is missing", each.sha256, "nothing")
            continue
        found = _digest(opened, info)
        if found != each.sha256:
            yield Finding(each.path, "SHA-256", each.sha256, found)
        elif (packed := _packed_digest(stream, info)) != each.packed_sha256:
            yield Finding(each.path, "SHA-256 of its packed bytes; unpacked they are the same", each.packed_sha256, packed)


def _digest(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    digest = hashlib.sha256()
    try:
        with opened.open(info) as content:
            while piece := content.read(PIECE_BYTES):
                digest.update(piece)
    except _DAMAGE as error:
        return f"cannot be unpacked: {error}"
    return digest.hexdigest()


def read_file(opened: zipfile.ZipFile, path: str) -> bytes:
    """One file's content; `BadZipFile` if it is not there or damaged."""
    try:
        if opened.getinfo(path).file_size > MOST_READ_BYTES:
            message = f"{path} is larger than a file of a bundle"
            raise zipfile.BadZipFile(message)
        return opened.read(path)
    except KeyError:
        message = f"{path} is missing"
        raise zipfile.BadZipFile(message) from None
    except _DAMAGE as error:
        message = f"{path}: {error}"
        raise zipfile.BadZipFile(message) from error
