"""What a reply used and cost is stored with it, whoever writes it: import, replay, recorder."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.domain.exchange import Failure, Json, Reply, Usage
from app.domain.live import RecordEvent
from app.domain.replay import NewReply
from app.domain.words import FailureKind, Source
from app.pipeline.recording.storing import arrivals, store_batch
from app.store.evidence import read_evidence
from app.store.payloads import ensure_partitions
from app.store.pilots import get_pilot
from app.store.replies import record_replies
from app.store.session import SessionFactory
from tests.api import PILOT_TOML, an_api
from tests.builders import a_pilot
from tests.integration.importing import counts, import_lines
from tests.integration.replaying import a_candidate, a_replayable_pilot
from tests.live_events import exchange, received, reply
from tests.unit.capture.lines import a_line

RAW: Json = {
    "prompt_tokens": 1_000_000, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 0}, "said": "Not a word.",
}  # fmt: skip
COLUMNS = "r.input_tokens, r.output_tokens, r.cache_write_tokens, r.service_tier, r.usage, r.cost_usd, r.price_version"


@pytest.fixture
def api(session_factory: SessionFactory, tmp_path: Path) -> Iterator[TestClient]:
    with an_api(session_factory, tmp_path) as made:
        yield made


def rows(session: Session) -> dict[tuple[str, str], Any]:
    query = (
        f"SELECT e.external_id, a.name, {COLUMNS} FROM replies r JOIN exchanges e ON e.id = r.exchange_id"
        " JOIN arms a ON a.id = r.arm_id"
    )
    return {(row[0], row[1]): row for row in session.execute(text(query))}


def a_reply(usage: Json | None, **more: Any) -> Json:
    return {"content": "Hi."} | ({} if usage is None else {"usage": usage}) | more


def test_an_import_stores_usage_and_cost(api: TestClient, session_factory: SessionFactory) -> None:
    assert api.post("/api/v1/pilots", content=PILOT_TOML).status_code == 201
    anthropic = {"input_tokens": 100, "cache_creation_input_tokens": 900, "cache_read_input_tokens": 0, "output_tokens": 0}
    given = {
        "plain": a_reply(RAW),
        "flex": a_reply(RAW, service_tier="flex"),
        "billed": {"failure": "empty", "usage": RAW},
        "unknown": a_reply(RAW, model="gpt-5.1-turbo"),
        "uncounted": a_reply(None),
        "written": a_reply(anthropic),
    }
    lines = [a_line(exchange_id=name, replies={"incumbent": each, "qwen": a_reply(RAW)}) for name, each in given.items()]
    assert import_lines(api, *lines) == counts(6, new=6)
    with session_factory() as session:
        found = rows(session)
        evidence = read_evidence(session, get_pilot(session, "support-bot"))
    costs = {name: found[name, "incumbent"].cost_usd for name in given}
    assert costs == {
        "plain": Decimal("1.25"), "flex": Decimal("0.625"), "billed": Decimal("1.25"), "unknown": None, "uncounted": None,
        "written": Decimal("0.00125"),
    }  # fmt: skip
    assert all((found[name, "incumbent"].price_version is None) is (usd is None) for name, usd in costs.items())
    assert found["flex", "incumbent"].price_version.endswith("openai/gpt-5.1, flex (0.625/0.0625/5)")
    assert found["plain", "incumbent"].usage == RAW
    assert found["uncounted", "incumbent"].usage is None
    assert found["written", "incumbent"][2:6] == (1000, 0, 900, None)
    assert found["plain", "qwen"][7:] == (None, None), "a rented model's tokens cost nothing by themselves"
    named = dict(zip(evidence.exchanges.external_ids, evidence.incumbent.service_tiers, strict=True))
    assert (named["flex"], named["plain"]) == ("flex", "")
    written = dict(zip(evidence.exchanges.external_ids, evidence.incumbent.cache_write_tokens, strict=True))
    assert written["written"] == 900


def test_a_merge_keeps_what_was_stored_and_adds_the_rest(api: TestClient, session_factory: SessionFactory) -> None:
    assert api.post("/api/v1/pilots", content=PILOT_TOML).status_code == 201
    import_lines(api, a_line(replies={"incumbent": a_reply(RAW, service_tier="flex")}))
    with session_factory() as session:
        before = rows(session)["e-1", "incumbent"]
    more = a_line(replies={"incumbent": {"content": "Hi."}, "qwen": a_reply(RAW, service_tier="batch")})
    assert import_lines(api, more) == counts(1, merged=1)
    assert import_lines(api, more) == counts(1, unchanged=1)
    with session_factory() as session:
        found = rows(session)
    assert found["e-1", "incumbent"] == before
    assert (found["e-1", "qwen"].usage, found["e-1", "qwen"].service_tier) == (RAW, "batch")


def test_where_text_is_masked_usage_is_numbers(api: TestClient, session_factory: SessionFactory) -> None:
    assert api.post("/api/v1/pilots", content=PILOT_TOML + '[content]\nlevel = "masked"\n').status_code == 201
    import_lines(api, a_line(replies={"incumbent": a_reply(RAW)}))
    with session_factory() as session:
        usage = rows(session)["e-1", "incumbent"].usage
    assert usage == {key: value for key, value in RAW.items() if key != "said"}


def test_a_replay_stores_what_its_replies_cost_and_its_billed_failures(session: Session) -> None:
    paid: dict[str, Any] = {"input_usd_per_million_tokens": 2, "output_usd_per_million_tokens": 3}
    pilot = a_replayable_pilot(session, a_candidate("http://x/v1", **paid), exchanges=3)
    ids = [row[0] for row in session.execute(text("SELECT id FROM exchanges ORDER BY id"))]
    usage = Usage(*(1_000_000, None, 0), service_tier="flex", raw=RAW)
    arm = pilot.candidates[0].id
    new = [
        NewReply(ids[0], arm, Reply("Hi.", usage=usage), Source.REPLAY),
        NewReply(ids[1], arm, Failure(FailureKind.EMPTY), Source.REPLAY, usage=usage),
        NewReply(ids[2], arm, Failure(FailureKind.TIMEOUT), Source.REPLAY),
    ]
    assert len(record_replies(session, pilot, new)) == 3
    found = [rows(session)[f"e-{number}", "qwen"] for number in range(3)]
    assert [row.cost_usd for row in found] == [2, 2, None]
    assert [row.price_version for row in found] == ["pilot.toml (2/-/3)"] * 2 + [None]
    assert [row.usage for row in found] == [RAW, RAW, None]
    assert found[1].service_tier == "flex"


def test_the_recorder_stores_what_the_mirror_says(session: Session) -> None:
    a_pilot(session)
    columns = {"usage": RAW, "service_tier": "flex", "cost_usd": "0.00000015", "price_version": "pilot.toml (1/-/2)"}
    events: list[RecordEvent] = [
        exchange(1), reply(1, columns=columns), reply(1, "qwen"),
        exchange(2), reply(2, columns={"cost_usd": "a lot"}), exchange(3), reply(3, columns={"cost_usd": "Infinity"}),
    ]  # fmt: skip
    batch = received(*events)
    ensure_partitions(session, arrivals(batch))
    store_batch(session, batch, retry_window_seconds=60)
    found = rows(session)
    assert found["b1-1", "incumbent"][5:] == ("flex", RAW, Decimal("0.00000015"), "pilot.toml (1/-/2)")
    assert found["b1-1", "qwen"][5:] == (None, None, None, None)
    assert [found[name, "incumbent"].cost_usd for name in ("b1-2", "b1-3")] == [None, None]
    assert session.scalar(text("SELECT count(*) FROM replies WHERE usage = 'null'::jsonb")) == 0
