"""`./run backup FILE`: all that the service keeps, of one moment, while it works; its keys beside it (docs/backup.md)."""

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.capture.sealing import load_sealer
from app.capture.stream_copy import STREAMS, open_redis, read_stream
from app.errors import StackError
from app.pipeline.provenance import code_version
from app.settings import Settings
from app.stack.attached import Servers, attached
from app.stack.backup_file import BackupWriter, reading_backup, sum_of, writing_backup
from app.stack.backup_keys import Keys, find_keys, write_keys
from app.stack.home import StackHome, read_settings
from app.stack.terminal import exit_code, say
from app.store.table_copy import reading_tables

ROUTING = "routing.json"


def table_part(name: str) -> str:
    """A table's part of the file."""
    return f"tables/{name}.copy"


def stream_part(name: str) -> str:
    """A stream's part of the file."""
    return f"streams/{name}.frames"


def back_up(home: StackHome, settings: Settings, file: Path, keys_file: Path) -> dict[str, Any]:
    """Makes both files; gives the manifest's facts."""
    if not home.root.exists() or (settings.database_url is None and not (home.root / "redis").exists()):
        message = f"there is nothing to back up in {home.root}"
        raise StackError(message)
    if keys_file.exists():
        message = f"{keys_file} is there already"
        raise StackError(message)
    with attached(home, settings, say) as servers, writing_backup(file) as writer:
        facts = _write(home, settings, servers, writer)
        keys = find_keys(home.root, settings)
        writer.finish(facts | {"keys": keys.fingerprints()})
    with reading_backup(file) as backup:
        write_keys(keys_file, keys, sum_of(backup.manifest))
    _tell_keys(keys, keys_file)
    return facts


def _write(home: StackHome, settings: Settings, servers: Servers, writer: BackupWriter) -> dict[str, Any]:
    """The streams before the tables: an event that is stored in between is in both, and counts once; never in neither."""
    _write_streams(home, settings, servers, writer)
    if (home.root / ROUTING).exists():
        with writer.part(f"home/{ROUTING}") as part:
            part.write((home.root / ROUTING).read_bytes())
    began = datetime.now(UTC)
    with reading_tables(servers.database_url) as reader:
        for table in reader.shape.tables:
            with writer.part(table_part(table.name)) as part:
                digest = reader.copy(table, part.write)
            writer.parts[table_part(table.name)] |= {"rows": digest.rows, "digest": digest.text}
        shape = reader.shape.as_json()
    return {"made_at": began.isoformat(), "code_version": code_version(), "database": shape}


def _write_streams(home: StackHome, settings: Settings, servers: Servers, writer: BackupWriter) -> None:
    given = settings.stream_key.get_secret_value() if settings.stream_key is not None else None
    sealer, client = load_sealer(home.root, given), open_redis(servers.redis_url)
    try:
        for stream in STREAMS:
            entries = 0
            with writer.part(stream_part(stream)) as part:
                for count, frame in read_stream(client, stream, sealer):
                    entries += count
                    part.frame(frame)
            writer.parts[stream_part(stream)]["entries"] = entries
    finally:
        client.close()


def _tell_keys(keys: Keys, keys_file: Path) -> None:
    say(
        f"keys: {keys_file}. Keep it elsewhere than the backup: who has both can read everything, who lost it can read no text."
    )
    for name in sorted(keys.given):
        say(f"      {name} is given by a setting and is in neither file: keep it as you keep your secrets")


def main() -> int:
    """Makes a backup of the environment's installation."""
    parser = argparse.ArgumentParser(prog="./run backup", allow_abbrev=False)
    parser.add_argument("file", type=Path, metavar="FILE", help="is made; must not be there yet")
    parser.add_argument("--keys", type=Path, metavar="FILE", help="where the keys are put; default: FILE.keys")
    found = parser.parse_args()

    def do() -> None:
        began = time.monotonic()
        settings = read_settings()
        keys_file = found.keys or found.file.with_name(f"{found.file.name}.keys")
        facts = back_up(StackHome(settings.home.resolve()), settings, found.file, keys_file)
        size = found.file.stat().st_size / 1e6
        revision = facts["database"]["revision"]
        say(f"{found.file}: {size:.1f} MB, revision {revision}, in {time.monotonic() - began:.1f} s")

    return exit_code(do)


if __name__ == "__main__":
    sys.exit(main())
