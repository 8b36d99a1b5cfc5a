"""The file of a backup: nobody else's, and damage is named."""

import zipfile
from pathlib import Path

import pytest

from app.errors import StackError
from app.stack.backup_file import reading_backup, writing_backup


def written(file: Path, data: bytes) -> None:
    with writing_backup(file) as writer:
        with writer.part("tables/a.copy") as part:
            part.write(data)
        writer.finish({})


def test_it_is_never_written_into_a_file_that_somebody_else_laid_there(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_bytes(b"")
    theirs.chmod(0o644)
    (tmp_path / ".b.part").symlink_to(theirs)
    written(tmp_path / "b", b"rows")
    assert theirs.read_bytes() == b""
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == ["b", "theirs"]


def test_a_byte_that_turned_over_on_a_disk_is_named_wherever_it_is(tmp_path: Path) -> None:
    file = tmp_path / "b"
    written(file, b"".join(b"%d\t%x\n" % (number, number * 7919) for number in range(2000)))
    whole = file.read_bytes()
    assert len(whole) > 6000
    for place in range(80, 5000, 61):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with pytest.raises(StackError, match="is damaged"), reading_backup(file) as backup:
            backup.check()


def test_a_manifest_that_is_no_object_is_no_backup(tmp_path: Path) -> None:
    file = tmp_path / "b"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("manifest.json", "[1]")
    with pytest.raises(StackError, match="is no backup of this program"), reading_backup(file):
        pass
