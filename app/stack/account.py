"""Where embedded servers keep their files, and as whom they run.

PostgreSQL refuses to run as root. As root it runs as the system account `parallel-pilot`; where that account cannot
reach a folder, the servers' files live under `/var/lib/parallel-pilot`. No existing folder's mode is ever changed.
"""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from app.errors import StackError

ACCOUNT = "parallel-pilot"
ACCOUNT_ATTEMPTS = 10
SHARED_ROOT = Path("/var/lib/parallel-pilot")
# A Unix socket's path is limited to 107 bytes; PostgreSQL adds "/.s.PGSQL.5432".
MAX_SOCKET_FOLDER = 88


@dataclass(frozen=True, slots=True)
class Account:
    """The user that a server runs as; `None` fields = whoever we are."""

    uid: int | None = None
    gid: int | None = None

    @property
    def is_other(self) -> bool:
        """Whether it differs from the user we are."""
        return self.uid is not None


def server_account() -> Account:
    """Ourselves, or the system account if we are root (made on first use)."""
    if os.geteuid() != 0:
        return Account()
    for name in (ACCOUNT, "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            if name == ACCOUNT and _make_account():
                entry = pwd.getpwnam(ACCOUNT)
            else:
                continue
        return Account(entry.pw_uid, entry.pw_gid)
    message = f"running as root, PostgreSQL needs an unprivileged user: create one named {ACCOUNT!r}, or set PILOT_DATABASE_URL"
    raise StackError(message)


def _make_account() -> bool:
    useradd = shutil.which("useradd") or "/usr/sbin/useradd"
    command = [useradd, "--system", "--no-create-home", "--home-dir", str(SHARED_ROOT), "--shell", "/usr/sbin/nologin", ACCOUNT]
    # Two clones may start at once: the loser finds the list of accounts locked, and then the account there.
    for _ in range(ACCOUNT_ATTEMPTS):
        try:
            done = subprocess.run(command, check=False, capture_output=True).returncode
        except OSError:
            return False
        if done == 0 or _exists(ACCOUNT):
            return True
        time.sleep(0.2)
    return False


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def can_reach(folder: Path, account: Account) -> bool:
    """Whether the account may pass through every parent of a folder (and the folder, if it exists)."""
    if not account.is_other:
        return True
    for part in (folder, *folder.parents):
        if not part.exists():
            continue
        mode = part.stat()
        if mode.st_uid == account.uid:
            allowed = mode.st_mode & stat.S_IXUSR
        elif mode.st_gid == account.gid:
            allowed = mode.st_mode & stat.S_IXGRP
        else:
            allowed = mode.st_mode & stat.S_IXOTH
        if not allowed:
            return False
    return True


def shared_folder(*parts: str) -> Path:
    """A folder under `/var/lib/parallel-pilot`, which everyone may pass through."""
    folder = SHARED_ROOT.joinpath(*parts)
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for part in missing:
        part.chmod(0o755)
    return folder


def home_key(home: Path) -> str:
    """A short name for a home that differs between homes."""
    return hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]


def passable_folder(folder: Path, account: Account) -> Path:
    """Makes a folder of ours, through which the account may pass."""
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o711 if account.is_other else 0o700)
    return folder


def private_folder(folder: Path, account: Account) -> Path:
    """Makes a folder that only the account may enter."""
    folder.mkdir(parents=True, exist_ok=True)
    if account.uid is not None and account.gid is not None:
        os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)
    return folder


def socket_folder(wanted: Path, home: Path, account: Account) -> Path:
    """`wanted`, or a short folder for the same home where the path is too long for a Unix socket."""
    if len(str(wanted)) > MAX_SOCKET_FOLDER:
        wanted = Path(tempfile.gettempdir()) / f"parallel-pilot-{os.geteuid()}-{home_key(home)}" / wanted.name
        if len(str(wanted)) > MAX_SOCKET_FOLDER:
            message = f"the folder for sockets is too long ({wanted}): set PILOT_HOME or TMPDIR to a shorter path"
            raise StackError(message)
        wanted.parent.mkdir(mode=0o711, exist_ok=True)
        found = wanted.parent.lstat()
        if found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode):
            message = f"{wanted.parent} belongs to another user: set TMPDIR to a folder of your own"
            raise StackError(message)
    return private_folder(wanted, account)
