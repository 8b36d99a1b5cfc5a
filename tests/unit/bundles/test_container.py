"""The zip of a bundle: the same bytes for the same files, a changed byte anywhere is named, nothing leads out of it."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from app.pipeline.bundles.container import (
    FileSum,
    Finding,
    Packing,
    check_container,
    check_files,
    is_safe,
    open_container,
    read_file,
)
from app.pipeline.bundles.reading import NotABundle, opened


def packed() -> tuple[bytes, list[FileSum]]:
    stream = io.BytesIO()
    packing = Packing(stream)
    packing.add("a.txt", b"hello " * 50)
    packing.add("evidence/x.parquet", bytes(range(64)), packed=False)
    sums = packing.close()
    later = Packing(stream)
    later.add("MANIFEST.json", b"{}", packed=False)
    later.close()
    return stream.getvalue(), sums


def findings(content: bytes, sums: list[FileSum]) -> list[Finding]:
    stream: BinaryIO = io.BytesIO(content)
    try:
        opened = open_container(stream)
        found = [*check_container(stream, opened), *check_files(stream, opened, sums)]
        read_file(opened, "MANIFEST.json")
    except zipfile.BadZipFile as error:
        return [Finding("zip", str(error))]
    return found


def changed(content: bytes) -> Iterator[tuple[int, bytes]]:
    for place in range(len(content)):
        yield place, content[:place] + bytes([content[place] ^ (1 << place % 8)]) + content[place + 1 :]


def test_the_same_files_have_the_same_bytes_and_are_as_they_were_written() -> None:
    content, sums = packed()
    assert packed() == (content, sums)
    assert findings(content, sums) == []


def test_no_byte_can_be_changed_unseen() -> None:
    content, sums = packed()
    assert [place for place, other in changed(content) if not findings(other, sums)] == []


def test_a_changed_file_is_named_with_both_sums() -> None:
    content, sums = packed()
    place = content.index(bytes(range(64)))
    found = findings(content[:place] + b"\xff" + content[place + 1 :], sums)
    assert [(each.path, each.what, each.expected) for each in found] == [("evidence/x.parquet", "SHA-256", sums[1].sha256)]
    assert "CRC" in found[0].found


@pytest.mark.parametrize(
    ("content", "path"),
    [(packed()[0] + b"x", "(the zip file itself)"), (b"x" + packed()[0], "a.txt"), (packed()[0][:-1], "zip"), (b"", "zip")],
)
def test_bytes_that_were_added_or_cut_off_are_named(content: bytes, path: str) -> None:
    assert findings(content, packed()[1])[0].path == path


def test_files_that_are_missing_or_that_nobody_listed_are_named() -> None:
    content, sums = packed()
    absent = FileSum("gone.json", 1, "0" * 64, 1, "0" * 64)
    found = findings(content, [sums[0], absent])
    assert {(each.path, each.what) for each in found} == {
        ("gone.json", "is missing"),
        ("evidence/x.parquet", "is in the bundle, and the manifest does not name it"),
    }


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "C:/x", "a\\b", "", "a//b", "folder/", "a\nb"])
def test_names_that_lead_out_of_a_bundle_are_refused(path: str) -> None:
    assert not is_safe(path)
    if path and "\n" not in path:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as made:
            made.writestr(path, b"x")
        if path in zipfile.ZipFile(stream).namelist():
            with pytest.raises(zipfile.BadZipFile, match="leads out of the bundle"):
                open_container(stream)


def test_what_unpacks_to_far_more_is_refused_before_it_is_unpacked() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("bomb.json", bytes(20 << 20))
    with pytest.raises(zipfile.BadZipFile, match="bytes that unpack to 20971520"):
        open_container(stream)


def test_a_manifest_of_nothing_but_brackets_is_no_bundle(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("MANIFEST.json", "[" * 200_000)
    with pytest.raises(NotABundle, match="damaged where it says what is in it"), opened(path):
        pass
