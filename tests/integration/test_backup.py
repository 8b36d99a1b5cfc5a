"""A backup of servers that are named by their addresses, and what is restored from it."""

import json
import os
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import redis
from alembic import command
from pydantic import SecretStr
from sqlalchemy import make_url, text

from app.capture.events import encode
from app.capture.payload_keys import PayloadKeys
from app.capture.sealing import load_sealer
from app.capture.stream_copy import read_stream
from app.capture.streams import MIRROR, RECORD
from app.domain.words import Role
from app.errors import StackError
from app.pipeline.access import create_key, load_pepper
from app.settings import Settings
from app.stack.backup import back_up
from app.stack.home import StackHome
from app.stack.redis import EmbeddedRedis
from app.stack.restore import restore
from app.store.migrate import alembic_configuration
from app.store.pilots import list_pilots
from app.store.schema_state import read_state
from app.store.session import make_engine, make_session_factory, session_scope
from app.store.table_copy import DatabaseShape, RowDigest, reading_tables
from tests.integration.scorecard_pilots import card_of, spread, started
from tests.live_events import exchange, reply

WORD = "heliotrope"


@pytest.fixture
def empty_database_url(server_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database without a table."""
    name = f"e_{abs(hash(request.node.nodeid)) % 10**12}"
    admin = make_engine(make_url(server_url).set(database="postgres").render_as_string(hide_password=False))
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


class Place:
    """A home and its settings."""

    def __init__(self, home: Path, database_url: str, redis_url: str) -> None:
        self.home = StackHome(home)
        self.settings = Settings(home=home, database_url=database_url, redis_url=redis_url, payload_keys=None)
        self.redis = redis.Redis.from_url(redis_url)
        self.redis.flushdb()

    def entries(self) -> dict[str, Any]:
        return {stream: self.redis.xrange(stream) for stream in (MIRROR, RECORD)}


@pytest.fixture
def places(
    tmp_path: Path, fresh_database_url: str, empty_database_url: str, redis_server: EmbeddedRedis
) -> Iterator[tuple[Place, Place]]:
    one = Place(tmp_path / "one", fresh_database_url, f"{redis_server.url}?db=12")
    two = Place(tmp_path / "two", empty_database_url, f"{redis_server.url}?db=13")
    one.home.prepare()
    yield one, two
    for place in (one, two):
        place.redis.flushdb()
        place.redis.close()


def filled(place: Place) -> Any:
    """A pilot with pairs and labels, a key, events in the streams; gives its scorecard."""
    load_pepper(place.home.root, None)
    PayloadKeys(place.home.root, None).make()
    sealer = load_sealer(place.home.root, None)
    with place.redis.pipeline() as pipeline:
        for number in range(1, 450):
            pipeline.xadd(RECORD, encode(exchange(number), sealer if number % 2 else None))  # type: ignore[arg-type]
        pipeline.execute()
    place.redis.xadd(MIRROR, encode(reply(1, text=WORD)))  # type: ignore[arg-type]
    engine = make_engine(place.settings.database_url or "")
    with session_scope(make_session_factory(engine)) as session:
        pilot = started(session, spread(60, labels=20))
        create_key(session, "ci", Role.VIEWER, load_pepper(place.home.root, None), by="test")
        card = card_of(session, pilot)
    engine.dispose()
    return card


def test_a_stream_under_traffic_is_read_to_the_end_that_it_had(places: tuple[Place, Place]) -> None:
    one, _ = places
    load_pepper(one.home.root, None)
    sealer, entry = load_sealer(one.home.root, None), encode(exchange(1))
    first = [one.redis.xadd(RECORD, entry) for _ in range(3)]  # type: ignore[arg-type]
    frames = []
    for frame in islice(read_stream(one.redis, RECORD, sealer), 5):
        frames.append(frame)
        one.redis.xadd(RECORD, entry)  # type: ignore[arg-type]
    assert [count for count, _ in frames] == [len(first)]


def test_all_of_it_comes_back_to_the_last_digit(places: tuple[Place, Place], tmp_path: Path) -> None:
    one, two = places
    card = filled(one)
    file, keys = tmp_path / "b", tmp_path / "b.keys"
    back_up(one.home, one.settings, file, keys)
    assert (file.stat().st_mode & 0o777, keys.stat().st_mode & 0o777) == (0o600, 0o600)
    with zipfile.ZipFile(file) as archive:
        whole = b"".join(archive.read(name) for name in archive.namelist())
    assert WORD.encode() not in whole  # what waits in Redis in the clear is sealed in the file
    assert not any((one.home.root / name).read_bytes().strip() in whole for name in ("pepper", "stream.key", "payload.keys"))

    restore(two.home, two.settings, file, keys, compare=True)
    assert two.entries() == one.entries()
    for name in ("pepper", "stream.key", "payload.keys"):
        assert (two.home.root / name).read_text().strip() == (one.home.root / name).read_text().strip()
    engine = make_engine(two.settings.database_url or "")
    with session_scope(make_session_factory(engine)) as session:
        (pilot,) = list_pilots(session)
        assert card_of(session, pilot) == card
        newest = session.scalar(text("SELECT max(id) FROM exchanges"))
        assert session.scalar(text("SELECT nextval(pg_get_serial_sequence('exchanges', 'id'))")) > newest
    engine.dispose()


def test_a_row_that_came_after_the_snapshot_is_not_in_it_and_waits_for_nobody(places: tuple[Place, Place]) -> None:
    one, _ = places
    filled(one)
    engine = make_engine(one.settings.database_url or "")
    with reading_tables(one.settings.database_url or "") as reader:
        table = next(table for table in reader.shape.tables if table.name == "exchanges")
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '2s'"))
            connection.execute(text("UPDATE exchanges SET segment = 'later'"))
        rows: list[bytes] = []
        assert reader.copy(table, rows.append).rows == 60
        assert not any(b"\tlater\t" in row for row in rows)
    engine.dispose()


def test_it_refuses_what_is_used_damaged_newer_or_not_its_key(places: tuple[Place, Place], tmp_path: Path) -> None:
    one, two = places
    filled(one)
    file, keys = tmp_path / "b", tmp_path / "b.keys"
    back_up(one.home, one.settings, file, keys)
    for again in ((file, tmp_path / "other.keys"), (tmp_path / "other", keys)):
        with pytest.raises(StackError, match="is there already"):
            back_up(one.home, one.settings, *again)
    with pytest.raises(StackError, match=r"one is in use \(it holds pepper"):
        restore(one.home, two.settings, file, keys)
    at_one = two.settings.model_copy(update={"database_url": one.settings.database_url})
    with pytest.raises(StackError, match="the database is not empty"):
        restore(two.home, at_one, file, keys)
    assert not (two.home.root / "pepper").exists()  # what was begun is undone


def test_it_refuses_other_keys_and_a_damaged_or_newer_file(places: tuple[Place, Place], tmp_path: Path) -> None:
    one, two = places
    filled(one)
    file, keys = tmp_path / "b", tmp_path / "b.keys"
    back_up(one.home, one.settings, file, keys)
    told = json.loads(keys.read_text())
    wrong = tmp_path / "wrong.keys"
    wrong.write_text(json.dumps(told | {"files": told["files"] | {"pepper": "another one"}}))
    with pytest.raises(StackError, match=r"not the keys of the backup: pepper \(API keys and sessions.*is another one"):
        restore(two.home, two.settings, file, wrong)
    given = two.settings.model_copy(update={"pepper": SecretStr(told["files"].pop("pepper").strip())})
    wrong.write_text(json.dumps(told))

    damaged = tmp_path / "damaged"
    rewritten(file, damaged, lambda name, data: data[:-9] if name == "tables/exchanges.copy" else data)
    with pytest.raises(StackError, match=r"damaged: tables/exchanges.copy"):
        restore(two.home, given, damaged, wrong)
    newer = tmp_path / "newer"
    rewritten(
        file, newer, lambda name, data: data.replace(b'"revision": "00', b'"revision": "90') if "manifest" in name else data
    )
    with pytest.raises(StackError, match="which this version does not know"):
        restore(two.home, given, newer, wrong)
    (tmp_path / "no-zip").write_bytes(os.urandom(100))
    with pytest.raises(StackError, match="is no whole backup"):
        restore(two.home, given, tmp_path / "no-zip", wrong)
    changed = tmp_path / "changed"
    rewritten(
        file, changed, lambda name, data: data.replace(b'"made_at": "2', b'"made_at": "1') if "manifest" in name else data
    )
    with pytest.raises(StackError, match=r"wrong.keys was not written beside .*changed: somebody changed the backup"):
        restore(two.home, given, changed, wrong)
    restore(two.home, given, changed, wrong, of_another=True)  # the pepper comes from the setting


def rewritten(file: Path, other: Path, change: Any) -> None:
    with zipfile.ZipFile(file) as there, zipfile.ZipFile(other, "w") as here:
        for name in there.namelist():
            here.writestr(name, change(name, there.read(name)))


def test_a_backup_of_the_version_before_is_migrated(places: tuple[Place, Place], tmp_path: Path) -> None:
    one, two = places
    filled(one)
    command.downgrade(alembic_configuration(one.settings.database_url or ""), "0006")
    facts = back_up(one.home, one.settings, tmp_path / "b", tmp_path / "b.keys")
    assert facts["database"]["revision"] == "0006"
    restore(two.home, two.settings, tmp_path / "b", tmp_path / "b.keys")
    engine = make_engine(two.settings.database_url or "")
    with engine.connect() as connection:
        assert read_state(connection, alembic_configuration("")).illness() is None
        assert connection.scalar(text("SELECT count(*) FROM exchanges")) == 60
    engine.dispose()


def test_names_and_bounds_of_a_backup_are_names_and_bounds() -> None:
    shape = {"revision": "0007", "tables": [{"name": "a", "columns": ["b"]}], "partitions": [], "sequences": {}}
    assert DatabaseShape.from_json(shape).tables[0].columns == ("b",)
    bound = "FOR VALUES FROM ('2026-11-02 00:00:00+00') TO ('2026-11-09 00:00:00+00')"
    fine = {"parent": "payloads", "name": "payloads_2026w45", "bound": bound}
    assert DatabaseShape.from_json(shape | {"partitions": [fine]}).partitions[0].name == "payloads_2026w45"
    for wrong in (fine | {"bound": f"{bound}; DROP TABLE pilots"}, fine | {"name": "a b"}):
        with pytest.raises(StackError, match="no name of a table"):
            DatabaseShape.from_json(shape | {"partitions": [wrong]})


def test_the_digest_of_rows_does_not_know_their_order_but_their_number_and_content() -> None:
    def digest(*rows: bytes) -> str:
        made = RowDigest()
        for row in rows:
            made.add(row)
        return made.text

    assert digest(b"a", b"b") == digest(b"b", b"a")
    assert len({digest(b"a"), digest(b"b"), digest(b"a", b"a"), digest(), digest(b"a", b"b")}) == 5
