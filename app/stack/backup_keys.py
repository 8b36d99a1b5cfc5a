"""The keys of an installation: kept beside a backup and never in it, since a backup with its keys is not encrypted.

The backup itself holds a fingerprint of each, by which other keys are noticed before anything is restored.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.capture.payload_keys import FILE_NAME as PAYLOAD_KEYS
from app.capture.sealing import FILE_NAME as STREAM_KEY
from app.errors import StackError
from app.settings import Settings
from app.stack.home import write_private

FORMAT = "parallel-pilot keys"
PEPPER, ADMIN_KEY = "pepper", "admin.key"
# What each file is for, and the setting that stands in its place.
FILES = {
    PEPPER: ("API keys and sessions are checked with it", "PILOT_PEPPER"),
    STREAM_KEY: ("it seals what waits in Redis, and the digests of users", "PILOT_STREAM_KEY"),
    PAYLOAD_KEYS: ("stored texts cannot be read without it", "PILOT_PAYLOAD_KEYS"),
    ADMIN_KEY: ("the first admin's key", None),
}


@dataclass(frozen=True, slots=True)
class Keys:
    """What is known of an installation's keys.

    Attributes:
        files: Text by name of file in `PILOT_HOME`.
        given: Text by name of file, of keys that a setting gives: they are kept by whoever set it.
    """

    files: dict[str, str]
    given: dict[str, str]

    def fingerprints(self) -> dict[str, list[str]]:
        """By name: of each of its lines, newest first; the admin's key is none of them, it is a key among others."""
        return {name: _prints(text) for name, text in {**self.files, **self.given}.items() if name != ADMIN_KEY}

    def lacks(self, wanted: dict[str, list[str]]) -> list[str]:
        """What of a backup's keys is not among these, in words."""
        there = self.fingerprints()
        return [
            f"{name} ({FILES[name][0]}) {'is another one' if name in there else 'is missing'}"
            for name, prints in wanted.items()
            if not set(prints) <= set(there.get(name, []))
        ]


def find_keys(home: Path, settings: Settings) -> Keys:
    """The keys that an installation works with."""
    set_ones = {PEPPER: settings.pepper, STREAM_KEY: settings.stream_key, PAYLOAD_KEYS: settings.payload_keys}
    given = {name: secret.get_secret_value() for name, secret in set_ones.items() if secret is not None}
    files = {name: (home / name).read_text() for name in FILES if name not in given and (home / name).exists()}
    return Keys(files, given)


def write_keys(file: Path, keys: Keys, backup_sha256: str) -> None:
    """Writes the keys' file, mode 600."""
    told = {"format": FORMAT, "version": 1, "manifest_sha256": backup_sha256, "files": keys.files}
    write_private(file, json.dumps(told | {"given_by_settings": sorted(keys.given)}, indent=2) + "\n")


def read_keys(file: Path) -> dict[str, str]:
    """The files in it; `StackError` if it is none."""
    return {str(name): str(text) for name, text in _read(file)["files"].items()}


def is_beside(file: Path, backup_sha256: str) -> bool:
    """Whether keys were written beside this very backup; one that somebody changed since is another one."""
    return bool(_read(file).get("manifest_sha256") == backup_sha256)


def _read(file: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(file.read_text())
        if found["format"] != FORMAT or not set(found["files"]) <= set(FILES):
            raise ValueError(FORMAT)  # noqa: TRY301 - said below
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{file} is no file of keys: {error}"
        raise StackError(message) from error
    return found


def put_keys(home: Path, files: dict[str, str]) -> None:
    """Puts the files where the processes look for them."""
    for name, text in files.items():
        write_private(home / name, text)
    os.sync()


def _prints(text: str) -> list[str]:
    lines = [line.strip() for line in text.replace(",", "\n").splitlines() if line.strip() and not line.startswith("#")]
    return [hashlib.sha256(b"parallel-pilot fingerprint\0" + line.encode()).hexdigest()[:24] for line in lines]
