"""`./run restore FILE`: a backup into an installation that has nothing yet; with `--check` into one that is thrown away."""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.capture.sealing import SealError, load_sealer
from app.capture.stream_copy import STREAMS, open_redis, write_stream
from app.errors import StackError
from app.settings import Settings
from app.stack.attached import Servers, attached
from app.stack.backup import ROUTING, stream_part, table_part
from app.stack.backup_file import Backup, reading_backup, sum_of
from app.stack.backup_keys import find_keys, is_beside, put_keys, read_keys
from app.stack.drill import checked_copy, drill
from app.stack.home import StackHome, read_settings
from app.stack.removal import TRACES, remove_installation
from app.stack.terminal import exit_code, say
from app.store.migrate import known_revisions, upgrade_database
from app.store.table_copy import DatabaseShape, TableShape, is_empty, load_tables


def restore(
    home: StackHome, settings: Settings, file: Path, keys_file: Path | None, *, compare: bool = False, of_another: bool = False
) -> dict[str, Any]:
    """Fills an empty installation; gives the backup's manifest.

    Args:
        home: Must hold no trace of an installation.
        settings: Name the servers, and keys that are not in a file.
        file: The backup.
        keys_file: The file of its keys; `None` = without: what is sealed cannot be read.
        compare: Read all back before anything is migrated, and compare.
        of_another: The keys were written beside another backup: that nobody changed this one cannot be told.

    Raises:
        StackError: With the reason; what was begun in an embedded home is removed again.
    """
    with reading_backup(file) as backup:
        shape = DatabaseShape.from_json(backup.manifest["database"])
        if shape.revision not in known_revisions():
            message = (
                f"the backup is of revision {shape.revision}, which this version does not know: restore it with a newer one"
            )
            raise StackError(message)
        if keys_file is not None and not of_another:
            _refuse_changed(file, keys_file, backup)
        backup.check()
        _refuse_used(home)
        home.prepare()
        with _undone(home, settings):
            if keys_file is not None:
                put_keys(home.root, read_keys(keys_file))
                _refuse_other_keys(home, settings, backup)
            with attached(home, settings, say) as servers:
                _fill(servers, shape, backup)
                if compare:
                    checked_copy(servers.database_url, backup.manifest)
                upgrade_database(servers.database_url)
                if keys_file is not None:
                    _fill_streams(home, settings, servers, backup)
            if f"home/{ROUTING}" in backup.manifest["parts"]:
                (home.root / ROUTING).write_bytes(b"".join(backup.read(f"home/{ROUTING}")))
        return backup.manifest


def _refuse_used(home: StackHome) -> None:
    there = [name for name in TRACES if (home.root / name).exists()]
    if there:
        message = f"{home.root} is in use (it holds {', '.join(there)}): restore into an empty PILOT_HOME"
        raise StackError(message)


def _refuse_changed(file: Path, keys_file: Path, backup: Backup) -> None:
    if not is_beside(keys_file, sum_of(backup.manifest)):
        message = (
            f"{keys_file} was not written beside {file}: somebody changed the backup, or these are the keys of another one of "
            "the same installation; if you know that it is the latter, add --keys-of-another-backup"
        )
        raise StackError(message)


def _refuse_other_keys(home: StackHome, settings: Settings, backup: Backup) -> None:
    lacking = find_keys(home.root, settings).lacks(backup.manifest["keys"])
    if lacking:
        message = f"these are not the keys of the backup: {'; '.join(lacking)}"
        raise StackError(message)


def _fill(servers: Servers, shape: DatabaseShape, backup: Backup) -> None:
    if not is_empty(servers.database_url):
        message = "the database is not empty: restore into one that was just made"
        raise StackError(message)
    upgrade_database(servers.database_url, shape.revision)

    def rows(table: TableShape) -> Iterator[bytes]:
        return backup.read(table_part(table.name))

    loaded = load_tables(servers.database_url, shape, rows)
    for name, found in loaded.items():
        said = backup.manifest["parts"][table_part(name)]["rows"]
        if found != said:
            message = f"{found} rows of {name} were restored, the backup has {said}"
            raise StackError(message)


def _fill_streams(home: StackHome, settings: Settings, servers: Servers, backup: Backup) -> None:
    given = settings.stream_key.get_secret_value() if settings.stream_key is not None else None
    sealer, client = load_sealer(home.root, given), open_redis(servers.redis_url)
    try:
        for stream in STREAMS:
            if client.xlen(stream):
                message = f"the stream {stream} is not empty: restore with a Redis of its own"
                raise StackError(message)
            write_stream(client, stream, backup.frames(stream_part(stream)), sealer)
    except SealError as error:
        message = "what waited in Redis was sealed with another stream.key"
        raise StackError(message) from error
    finally:
        client.close()


@contextmanager
def _undone(home: StackHome, settings: Settings) -> Iterator[None]:
    """Removes what a restore that failed left in a home that was empty before."""
    try:
        yield
    except BaseException:
        remove_installation(home, settings)
        raise


def parser() -> argparse.ArgumentParser:
    """Its options."""
    made = argparse.ArgumentParser(prog="./run restore", allow_abbrev=False)
    made.add_argument("file", type=Path, metavar="FILE", help="made by ./run backup")
    made.add_argument("--keys", type=Path, metavar="FILE", help="its keys; default: FILE.keys")
    made.add_argument("--without-keys", action="store_true", help="numbers only: no text and no API key can be read")
    made.add_argument(
        "--keys-of-another-backup", action="store_true", help="of the same installation: who changed this one is not noticed"
    )
    made.add_argument("--check", action="store_true", help="into a folder that is thrown away: is everything there?")
    return made


def run(arguments: argparse.Namespace) -> None:
    """Restores, or tries it."""
    began = time.monotonic()
    keys_file = None if arguments.without_keys else arguments.keys or Path(f"{arguments.file}.keys")
    if keys_file is not None and not keys_file.exists():
        message = f"the keys {keys_file} are not there: name them with --keys, or restore numbers only with --without-keys"
        raise StackError(message)
    settings, of_another = read_settings(), arguments.keys_of_another_backup
    if arguments.check:
        drill(
            lambda home, own: restore(home, own, arguments.file, keys_file, compare=True, of_another=of_another), settings, say
        )
        say(f"the backup is whole and can be restored; it took {time.monotonic() - began:.1f} s")
        return
    home = StackHome(settings.home.resolve())
    manifest = restore(home, settings, arguments.file, keys_file, of_another=of_another)
    say(f"restored what there was at {manifest['made_at']} into {home.root}, in {time.monotonic() - began:.1f} s")
    say("erasures and revoked keys since then are to be repeated (docs/backup.md); ./run up starts the stack")


def main() -> int:
    """Restores, or tries it."""
    found = parser().parse_args()
    return exit_code(lambda: run(found))


if __name__ == "__main__":
    sys.exit(main())
