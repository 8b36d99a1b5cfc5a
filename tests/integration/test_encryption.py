"""Texts are sealed wherever they are stored; keys are rotated, lost and thrown away."""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, text

from app.capture.payload_keys import FILE_NAME, PayloadKeys
from app.domain.exchange import Reply
from app.domain.live import RecordEvent
from app.domain.pilot import Pilot
from app.domain.words import PilotState
from app.errors import Conflict, TextKeyMissing
from app.pipeline.encryption import encryption_state, rotate, seal_old
from app.pipeline.recording.storing import arrivals, store_batch
from app.pipeline.shredding import shred_pilot
from app.store import data_keys
from app.store.payloads import REQUEST_ARM, ensure_partitions, read_payloads
from app.store.session import SessionFactory, make_engine, make_session_factory, session_scope
from app.store.texts import Texts, texts_of
from tests.api import an_api
from tests.builders import a_pilot
from tests.live_events import exchange, received, reply
from tests.stored_pairs import StoredPair, store_pairs

SECRET = "the planted sentence nobody may find"
PAIR = StoredPair("e-1", Reply(SECRET), Reply("no"), request={"messages": [{"role": "user", "content": SECRET}]})


@pytest.fixture
def keys(tmp_path: Path) -> PayloadKeys:
    return PayloadKeys(tmp_path, None)


@pytest.fixture
def open_factory(fresh_database_url: str, keys: PayloadKeys) -> Iterator[Callable[..., SessionFactory]]:
    """Factories of processes of their own, that share the database and the folder with the keys."""
    made: list[Engine] = []

    def another(**more: Any) -> SessionFactory:
        made.append(make_engine(fresh_database_url))
        return make_session_factory(made[-1], texts=Texts(keys, **more))

    yield another
    for engine in made:
        engine.dispose()


@pytest.fixture
def factory(open_factory: Callable[..., SessionFactory]) -> SessionFactory:
    return open_factory()


def record(factory: SessionFactory, *events: RecordEvent) -> None:
    batch = received(*events)
    with session_scope(factory) as session:
        ensure_partitions(session, arrivals(batch))
    with session_scope(factory) as session:
        store_batch(session, batch, retry_window_seconds=60)


def recorded(factory: SessionFactory, numbers: Sequence[int]) -> Pilot:
    with session_scope(factory) as session:
        pilot = a_pilot(session)
    record(factory, *(exchange(number) for number in numbers), *(reply(number) for number in numbers))
    return pilot


def requests(factory: SessionFactory) -> list[Any]:
    """The stored requests, by arrival."""
    with factory() as session:
        ids = list(session.scalars(text("SELECT id FROM exchanges ORDER BY arrived_at, id")))
        found = read_payloads(session, ids)
    return [found.get((number, REQUEST_ARM)) for number in ids]


def bodies(factory: SessionFactory) -> list[bytes]:
    with factory() as session:
        return [bytes(body) for body in session.scalars(text("SELECT body FROM payloads ORDER BY exchange_id, arm_id"))]


def stop(factory: SessionFactory) -> None:
    with session_scope(factory) as session:
        session.execute(text("UPDATE pilots SET state = :stopped"), {"stopped": PilotState.STOPPED.value})


def test_what_an_earlier_version_stored_is_read_and_sealed_later(factory: SessionFactory, keys: PayloadKeys) -> None:
    with session_scope(factory) as session:
        pilot = a_pilot(session)
        store_pairs(session, pilot, [PAIR])
        session.execute(text("""INSERT INTO grades (pilot_id, exchange_id, arm_id, grader, version, value, reason, source, at)
            SELECT p.pilot_id, p.exchange_id, p.arm_id, 'judge', 'v', 1, :reason, 'graded', now() FROM pairs p"""),
            {"reason": SECRET})  # fmt: skip
    assert requests(factory) == [PAIR.request]
    assert encryption_state(factory, keys).pilots[0].plain == 3
    done = seal_old(factory, "ada")
    assert (done.texts, done.next) == (4, None)
    assert seal_old(factory, "ada").texts == 0
    assert requests(factory) == [PAIR.request]
    assert not any(SECRET.encode() in body for body in bodies(factory))
    state = encryption_state(factory, keys)
    assert (state.pilots[0].plain, state.pilots[0].sealed, state.is_all) == (0, {1: 3}, True)
    with factory() as session:
        reason = session.scalar(text("SELECT reason FROM grades"))
        assert SECRET not in reason
        assert texts_of(session).open_words(pilot.id, reason) == SECRET


def test_a_rotation_wraps_every_key_anew_and_all_processes_go_on(
    open_factory: Callable[..., SessionFactory], keys: PayloadKeys
) -> None:
    ours, theirs = open_factory(), open_factory()
    recorded(ours, [1])
    before = keys.texts()
    assert requests(theirs) == requests(ours)
    done = rotate(ours, keys, "ada", data_keys=True)
    assert (done.wrapped, done.made, done.is_new_key, keys.texts()[1:]) == (1, 1, True, before)
    record(theirs, exchange(2))  # still under the key that it knows
    record(ours, exchange(3))
    assert [body[3] for body in bodies(ours) if body] == [1, 1, 1, 2]
    assert len(requests(theirs)) == 3
    assert None not in requests(theirs)
    # What the first key is not needed for any more can be read without it.
    PayloadKeys.put_first(keys)
    assert [each.data_keys for each in encryption_state(ours, keys).keys] == [0, 2, 0]
    assert rotate(ours, keys, "ada").is_new_key is False  # a key that wraps nothing yet is taken first
    assert [each.data_keys for each in encryption_state(ours, keys).keys] == [2, 0, 0]
    with pytest.raises(TextKeyMissing, match="PILOT_PAYLOAD_KEYS is set and holds no key"):
        rotate(ours, PayloadKeys(Path(), " , "), "ada")


def test_a_rotation_that_dies_between_file_and_tables_loses_nothing(
    open_factory: Callable[..., SessionFactory], keys: PayloadKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory = open_factory()
    recorded(factory, [1])
    asked = requests(factory)

    def dies(*_: Any) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("app.pipeline.encryption.wrap_anew", dies)
        with pytest.raises(KeyboardInterrupt):
            rotate(factory, keys, "ada")
    assert requests(open_factory()) == asked
    assert len(keys.texts()) == 2
    assert rotate(factory, keys, "ada").is_new_key is False
    assert [each.data_keys for each in encryption_state(factory, keys).keys] == [1, 0]
    assert requests(open_factory()) == asked


def test_rotations_while_others_write_lose_no_text(open_factory: Callable[..., SessionFactory], keys: PayloadKeys) -> None:
    factory, writer = open_factory(), open_factory()
    recorded(factory, [0])
    failures: list[Exception] = []

    def write() -> None:
        try:
            for number in range(1, 31):
                record(writer, exchange(number))
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    for _ in range(4):
        rotate(factory, keys, "ada", data_keys=True)
    thread.join()
    assert failures == []
    found = requests(open_factory())
    assert len(found) == 31
    assert None not in found


def test_keys_that_processes_make_at_once_are_one_key(open_factory: Callable[..., SessionFactory]) -> None:
    factories = [open_factory() for _ in range(4)]
    with session_scope(factories[0]) as session:
        pilot = a_pilot(session)
    sealed: list[bytes] = []

    def seal(factory: SessionFactory) -> None:
        with session_scope(factory) as session:
            sealed.append(texts_of(session).sealer(pilot.id).seal(b"{}"))

    threads = [threading.Thread(target=seal, args=(each,)) for each in factories]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_factory()() as session:
        assert [texts_of(session).open(pilot.id, each) for each in sealed] == [b"{}"] * 4


def test_a_key_that_is_rolled_back_seals_nothing_afterwards(factory: SessionFactory) -> None:
    with session_scope(factory) as session:
        pilot = a_pilot(session)
    with factory() as session:
        texts_of(session).sealer(pilot.id).seal(b"{}")
        session.rollback()
    with session_scope(factory) as session:
        stored = texts_of(session).sealer(pilot.id).seal(b"{}")
    with factory() as session:
        texts_of(session).texts.forget()
        assert texts_of(session).open(pilot.id, stored) == b"{}"


def test_a_lost_key_is_named_and_a_new_one_does_not_take_its_place(
    open_factory: Callable[..., SessionFactory], keys: PayloadKeys, tmp_path: Path
) -> None:
    factory = open_factory()
    recorded(factory, [1])
    file = tmp_path / FILE_NAME
    kept = file.read_text()
    file.unlink()
    lost = open_factory()
    for broken in ("", Fernet.generate_key().decode(), "nonsense"):
        if broken:
            file.write_text(broken)
        with pytest.raises(TextKeyMissing, match=r"docs/encryption\.md"):
            requests(lost)
        with pytest.raises(TextKeyMissing):
            record(lost, exchange(2))
    assert keys.texts() == ["nonsense"]
    file.write_text(kept)
    record(lost, exchange(2))
    assert None not in requests(lost)


def test_a_process_of_its_own_home_makes_no_second_key(
    fresh_database_url: str, factory: SessionFactory, tmp_path: Path
) -> None:
    recorded(factory, [1])
    elsewhere = PayloadKeys(tmp_path / "elsewhere", None)
    engine = make_engine(fresh_database_url)
    with session_scope(make_session_factory(engine, texts=Texts(elsewhere))) as session:
        other = a_pilot(session, pilot={"name": "other"})
        with pytest.raises(TextKeyMissing, match="were wrapped by it"):
            texts_of(session).sealer(other.id)
    engine.dispose()
    assert elsewhere.texts() == []


def test_a_session_without_keys_says_so(fresh_database_url: str, factory: SessionFactory) -> None:
    recorded(factory, [1])
    engine = make_engine(fresh_database_url)
    with pytest.raises(RuntimeError, match="made without `texts`"):
        requests(make_session_factory(engine))
    engine.dispose()


def test_shredded_texts_cannot_be_read_by_anybody_and_figures_stay(
    open_factory: Callable[..., SessionFactory], keys: PayloadKeys
) -> None:
    factory, other = open_factory(), open_factory(kept_seconds=0.0)
    pilot = recorded(factory, [1, 2])
    assert None not in requests(other)
    copies = bodies(factory)
    with pytest.raises(Conflict, match="once it is stopped"):
        shred_pilot(factory, pilot.name, "ada", confirmed=pilot.name, key=b"key")
    stop(factory)
    with session_scope(factory) as session:  # an upload that was never finished
        session.execute(
            text(
                "INSERT INTO imports (pilot_id, file_key, format, layout, by, problems)"
                " VALUES (:pilot, 'k', 'pilot', 'l', 'ops', CAST(:problems AS jsonb))"
            ),
            {"pilot": pilot.id, "problems": f'[{{"line": 3, "message": "{SECRET}"}}]'},
        )
    done = shred_pilot(factory, pilot.name, "ada", confirmed=pilot.name, key=b"key")
    assert _rows(factory, f"SELECT state, problems::text LIKE '%{SECRET}%' FROM imports") == [("abandoned", False)]
    assert (done.data_keys, done.cleared, done.is_cleared) == (1, 2, True)
    for each in (factory, other):
        assert requests(each) == [None, None]
        with each() as session:
            assert texts_of(session).open(pilot.id, copies[0]) is None
    record(other, exchange(3), reply(3))  # came late: counted, without its text
    assert requests(other) == [None, None, None]
    with factory() as session:
        assert session.scalar(text("SELECT count(*) FROM payloads")) == 0
        assert session.scalar(text("SELECT count(*) FROM pilot_keys")) == 0
        assert session.scalar(text("SELECT count(*) FROM replies")) == 3
        kind, counts, at = session.execute(text("SELECT kind, counts, erased_at FROM erasures")).one()
    assert (kind, counts["data_keys"], at) == ("pilot", 1, done.at)
    again = shred_pilot(factory, pilot.name, "ada", confirmed=pilot.name, key=b"key")
    assert (again.at, again.data_keys) == (done.at, 0)


def test_a_key_that_is_made_while_a_pilot_is_shredded_does_not_outlive_it(factory: SessionFactory) -> None:
    with session_scope(factory) as session:
        pilot = a_pilot(session)
    with session_scope(factory) as session:
        texts_of(session).sealer(pilot.id)
        shredding = threading.Thread(target=_shred, args=(factory, pilot.id))
        shredding.start()
    shredding.join()
    with factory() as session:
        assert session.scalar(text("SELECT count(*) FROM pilot_keys")) == 0
        assert texts_of(session).sealing(pilot.id) is None


def _shred(factory: SessionFactory, pilot_id: int) -> None:
    with session_scope(factory) as session:
        data_keys.shred_keys(session, pilot_id)


def test_the_api_says_how_keys_stand_rotates_and_shreds(factory: SessionFactory, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv("PILOT_PAYLOAD_KEYS")
    recorded(factory, [1])
    with an_api(factory, tmp_path) as api:
        state = api.get("/api/v1/encryption").json()
        assert (state["place"], state["lost"], state["pilots"][0]["sealed"]) == (str(tmp_path / FILE_NAME), 0, {"1": 2})
        assert api.post("/api/v1/encryption/rotate", json={"data_keys": True}).json()["made"] == 1
        assert api.post("/api/v1/encryption/encrypt-old").json() == {"texts": 0, "next": None}
        assert api.post("/api/v1/pilots/support-bot/shred", json={"name": "other"}).status_code == 422
        assert api.post("/api/v1/pilots/support-bot/shred", json={"name": "support-bot"}).status_code == 409
        stop(factory)
        assert api.post("/api/v1/pilots/support-bot/shred", json={"name": "support-bot"}).json()["data_keys"] == 2
        actions = [
            tuple(row) for row in _rows(factory, "SELECT actor, action FROM audit_log WHERE action ~ 'encr|shred' ORDER BY id")
        ]
    assert actions == [("test-admin", "encryption.rotate"), ("test-admin", "pilot.shred")]


def _rows(factory: SessionFactory, query: str) -> list[Any]:
    with factory() as session:
        return list(session.execute(text(query)))
