"""The installation's keys of texts: one file for all processes, replaced as a whole."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet, MultiFernet

from app.capture.payload_keys import FILE_NAME, PayloadKeys


def test_the_file_is_made_once_whoever_begins_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    keys = [PayloadKeys(tmp_path, None) for _ in range(8)]
    assert keys[0].read() == []
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(PayloadKeys.make, keys))
    assert len({tuple(each.texts()) for each in keys}) == 1
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [FILE_NAME]


def test_a_key_is_on_the_disk_with_its_name_before_anything_is_sealed_under_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[bool, bool]] = []
    fsync = os.fsync

    def noting(handle: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(handle).st_mode), (tmp_path / FILE_NAME).exists()))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noting)
    PayloadKeys(tmp_path, None).make()
    assert synced == [(False, False), (True, True)], "first the key's own bytes, then the folder that names it"


def test_a_new_key_comes_first_and_the_old_ones_stay(tmp_path: Path) -> None:
    keys = PayloadKeys(tmp_path, None)
    keys.make()
    token = keys.read()[0].encrypt(b"a data key")
    before = keys.texts()
    keys.put_first()
    assert keys.texts()[1:] == before
    assert keys.texts()[0] not in before
    assert MultiFernet(keys.read()).decrypt(token) == b"a data key"
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_the_setting_counts_before_the_file_and_makes_none(tmp_path: Path) -> None:
    first, second = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    keys = PayloadKeys(tmp_path, f"{first}, {second}")
    keys.make()
    assert (keys.is_given, keys.texts(), list(tmp_path.iterdir())) == (True, [first, second], [])


@pytest.mark.parametrize("text", ["nonsense", "dG9vIHNob3J0"])
def test_something_that_is_no_key_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="PILOT_PAYLOAD_KEYS holds something that is not a key"):
        PayloadKeys(tmp_path, text).read()
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(ValueError, match=r"payload\.keys holds something"):
        PayloadKeys(tmp_path, None).read()
