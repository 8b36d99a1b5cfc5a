"""The pairs explorer on a real database: a planted pair is found, and only those who may read texts see one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.testclient import TestClient

from app.dashboard.pages import make_pages_router
from app.domain.exchange import Failure, Reply, ToolCall
from app.domain.grading import PairKey
from app.domain.labelling import Label, LabelSource
from app.domain.pair_query import Cursor, PairQuery, PairSort
from app.domain.pilot import Pilot
from app.domain.words import FailureKind, Role
from app.pipeline.grading import settle_without_model
from app.pipeline.pair_search import Bounds, PairSearch
from app.store.labels import put_labels
from app.store.session import SessionFactory, session_scope
from tests.api import PEPPER, bearer, key_for
from tests.builders import a_pilot
from tests.stored_pairs import ARRIVED, StoredPair, a_request, store_imported_grade, store_pairs

NEEDLE = "Überraschung <b>42</b>"


@dataclass(frozen=True)
class House:
    """A pilot with pairs of every kind, and a client for each role."""

    client: TestClient
    factory: SessionFactory
    pilot: Pilot
    ids: dict[str, int]
    operator: dict[str, str]

    def get(self, address: str = "") -> str:
        answer = self.client.get(f"/pilots/support-bot/pairs{address}", headers=self.operator)
        assert answer.status_code == 200, answer.text
        return answer.text

    def titles(self, address: str) -> list[str]:
        return re.findall(r'<p class="title"><a href="[^"]*">([^<]*)</a>', self.get(address))


PAIRS = [
    StoredPair("plain-1", Reply("The answer is four."), Reply("The answer is five, I think.")),
    StoredPair("plain-2", Reply("Blue."), Reply("Green."), segment="chat", arrived_at=ARRIVED + timedelta(days=1)),
    StoredPair("equal-1", Reply("Same"), Reply("same")),
    StoredPair("failed-1", Reply("Fine."), Failure(FailureKind.TIMEOUT)),
    StoredPair("planted", Reply("Nothing."), Reply(f"**Here**: {NEEDLE}"), request=a_request("Where is it?")),
    StoredPair(
        "tools", Reply(None, (ToolCall("look", '{"b": 1, "a": 2}'),)), Reply(None, (ToolCall("look", '{"a": 3, "b": 1}'),)),
        request=a_request("Look!", tools=[{"type": "function", "function": {"name": "look"}}]),
    ),
]  # fmt: skip
GRADES = {"plain-1": (0.0, 0.0), "plain-2": (0.0, 1.0), "planted": (1.0, 0.5), "tools": (0.5, 0.5)}
BESIDE = (
    """INSERT INTO rubric_scores (pilot_id, exchange_id, arm_id, grader, rater, version, value, met, evidence, quoted, at)
        SELECT e.pilot_id, e.id, a.id, 'rubric:help', 'gpt-4', 'v', 0.5, '{1,0.25}', '{"it says five",""}', '{f,t}', now()
        FROM exchanges e JOIN arms a ON a.pilot_id = e.pilot_id AND a.name = 'qwen' WHERE e.external_id = 'plain-1'""",
    """UPDATE replies SET adaptation = '[{"parameter": "n", "action": "dropped", "why": "unknown"}]'""",
    "UPDATE exchanges SET turn = 2, conversation_id = 'talk' WHERE external_id IN ('plain-1', 'plain-2')",
    "UPDATE replies SET content_chars = 10 * exchange_id + arm_id WHERE failure IS NULL",
)


@pytest.fixture
def house(session_factory: SessionFactory) -> Iterator[House]:
    web = FastAPI()
    web.include_router(make_pages_router(session_factory=session_factory, pepper=PEPPER))
    chat = [{"name": "chat", "match": {"header": "chat"}}]
    with session_scope(session_factory) as session:
        pilot = a_pilot(
            session, judge={"rater": "gpt-4"}, segment=chat, content={"audit_reads": True}, pilot={"starts": ARRIVED.date()}
        )
        ids = store_pairs(session, pilot, PAIRS)
        for name, values in GRADES.items():
            for first, value in zip(("incumbent", "qwen"), values, strict=True):
                store_imported_grade(session, pilot, ids[name], rater="gpt-4", value=value, shown_first=first)
        key = PairKey(ids["plain-1"], pilot.arm_named("qwen").id)
        put_labels(session, pilot.id, [Label(key, "anna", 1.0, datetime.now(UTC), LabelSource.PAGE, critical=True)])
        for statement in BESIDE:
            session.execute(text(statement))
    settle_without_model(session_factory, pilot)
    with TestClient(web, follow_redirects=False) as client:
        yield House(client, session_factory, pilot, ids, bearer(key_for(Role.OPERATOR, session_factory)))


EVERYTHING = ["plain-2", "tools", "planted", "failed-1", "equal-1", "plain-1"]


FILTERS = [
    ("", EVERYTHING),
    ("?text=ÜBERRASCHUNG+%3Cb", ["planted"]),
    ("?text=where+is&in=request", ["planted"]),
    ("?text=where+is&in=replies", []),
    ("?text=content", []),
    ("?outcome=worse", ["failed-1", "plain-1"]),
    ("?outcome=better", ["planted"]),
    ("?outcome=tie", ["tools", "equal-1"]),
    ("?outcome=flipped", ["plain-2"]),
    ("?outcome=failed", ["failed-1"]),
    ("?outcome=critical", ["plain-1"]),
    ("?outcome=disagreement", ["plain-1"]),
    ("?outcome=ungraded", []),
    ("?decided=equal", ["equal-1"]),
    ("?decided=judge&segment=chat", ["plain-2"]),
    ("?decided=people", ["plain-1"]),
    ("?segment=other&turn=2", ["plain-1"]),
    ("?day=2", ["plain-2"]),
    ("?exchange=tools&candidate=qwen", ["tools"]),
    ("?sort=worst", ["plain-1", "failed-1", "plain-2", "equal-1", "tools", "planted"]),
    ("?sort=best&outcome=tie", ["tools", "equal-1"]),
]


def test_filters_and_orders(house: House) -> None:
    assert {address: house.titles(address) for address, _ in FILTERS} == dict(FILTERS)


def test_a_planted_text_is_marked_and_escaped_and_its_reading_noted(house: House) -> None:
    page = house.get("?text=%C3%BCberraschung+%3CB%3E42")
    assert "<mark>Überraschung &lt;b&gt;42</mark>" in page
    assert NEEDLE not in page
    with house.factory() as session:
        noted = session.execute(text("SELECT actor, action, facts FROM audit_log WHERE action = 'pair.read'")).all()
    assert [(row.action, row.facts) for row in noted] == [("pair.read", {"page": "list", "exchanges": ["planted"]})]


def test_lists_by_length_and_at_random_keep_their_order(house: House) -> None:
    longer, shorter = house.titles("?sort=longer"), house.titles("?sort=shorter")
    assert sorted(longer) == sorted(shorter) == sorted(set(EVERYTHING) - {"failed-1"})
    drawn = house.client.get("/pilots/support-bot/pairs?sort=random", headers=house.operator)
    assert re.fullmatch(r"/pilots/support-bot/pairs\?sort=random&seed=\d+", drawn.headers["location"])
    once = house.titles("?sort=random&seed=3")
    assert sorted(once) == sorted(EVERYTHING)
    page = house.get(f"/{house.ids[once[1]]}?sort=random&seed=3")
    assert f'pairs/{house.ids[once[0]]}?sort=random&amp;seed=3" rel="prev"' in page
    assert f'pairs/{house.ids[once[2]]}?sort=random&amp;seed=3" rel="next"' in page


def test_a_pair_says_all_that_is_known_of_it(house: House) -> None:
    page = house.get(f"/{house.ids['plain-1']}?outcome=worse")
    for part in (
        "The answer is", "<del>", "only candidate:", "qwen worse", "judge (gpt-4): the incumbent is better (0.00)",
        "anna: qwen is better (1.00)", "marked qwen&#39;s reply as one that must never happen", "left out",
        "(this one)", "plain-2", "day 1, turn 2", "qwen: 50.0% of the points",
        "“it says five” (does not stand in the reply)", "25%",
    ):  # fmt: skip
        assert part in page, part
    assert f'pairs/{house.ids["failed-1"]}?outcome=worse" rel="prev"' in page
    assert 'rel="next"' not in page.replace('rel="next" aria', "")


def test_tool_calls_are_compared_in_one_form(house: House) -> None:
    page = house.get(f"/{house.ids['tools']}")
    assert re.search(r"&#34;a&#34;: <del><span[^>]*>only incumbent: </span>2,", page)
    assert "&#34;b&#34;: 1" in page
    drawn = house.get(f"/{house.ids['planted']}?as=rendered")
    assert "<strong>Here</strong>: Überraschung &lt;b&gt;42&lt;/b&gt;" in drawn


@pytest.mark.parametrize("role", [Role.VIEWER, Role.LABELLER])
def test_who_may_not_read_texts_sees_none(house: House, role: Role) -> None:
    key = bearer(key_for(role, house.factory))
    for address in ("", "?text=Where", f"/{house.ids['planted']}"):
        answer = house.client.get(f"/pilots/support-bot/pairs{address}", headers=key)
        assert answer.status_code == 403
        assert "reading pairs needs the role operator" in answer.text
        assert "Where is it" not in answer.text


WRONG = [
    ("?outcome=bad", 422, "none of better, worse, tie"),
    ("?turn=0", 422, "not a whole number from 1"),
    ("?segment=nowhere", 422, "none of chat, other"),
    ("?after=x~1~2", 422, "is no place in a list sorted by newest"),
    ("?after=2026-10-05T12:00:00~1~2", 422, "is no place"),
    ("/1?as=picture", 422, "none of words, rendered, raw"),
    ("/99999999999999999999", 404, "no pair"),
    ("/77777777", 404, "no pair with the number"),
]


def test_what_is_wrong_in_an_address_is_named(house: House) -> None:
    for address, status, says in WRONG:
        answer = house.client.get(f"/pilots/support-bot/pairs{address}", headers=house.operator)
        assert (answer.status_code, says in answer.text) == (status, True), answer.text


def test_a_list_goes_on_where_it_ended_and_back_the_same_way(house: House) -> None:
    names = {number: name for name, number in house.ids.items()}
    for sort, bounds in (
        (PairSort.NEWEST, Bounds(stretch=2)),
        (PairSort.WORST, Bounds(stretch=1, seconds=0)),
        (PairSort.RANDOM, Bounds(drawn_stretch=2, few=0)),
    ):
        with house.factory() as session:
            search = PairSearch(session, house.pilot, PairQuery(sort=sort), bounds)
            seen: list[Cursor] = []
            found = search.find(limit=2)
            while found.next is not None:
                seen += found.keys
                found = search.find(found.next, limit=2)
            seen += found.keys
            back = search.find(seen[-1], backwards=True, limit=50) if bounds.seconds else None
        assert sorted(names[key.exchange_id] for key in seen) == sorted(EVERYTHING), sort
        assert back is None or back.keys == seen[-2::-1], sort


def test_candidates_are_told_apart(house: House) -> None:
    base = {"base_url": "http://127.0.0.1:8000/v1", "license": "MIT"}
    two = [{"name": name, "model": name, **base} for name in ("one", "other & more")]
    with session_scope(house.factory) as session:
        pilot = a_pilot(session, pilot={"name": "two"}, candidate=two)
        for arm in ("one", "other & more"):
            store_pairs(session, pilot, [StoredPair(f"of {arm}", Reply("a"), Reply("b"))], arm=arm)
    page = house.client.get("/pilots/two/pairs", headers=house.operator).text
    addresses = re.findall(r'<p class="title"><a href="([^"]*)"', page)
    assert [address.partition("?")[2] for address in addresses] == ["of=other+%26+more", "of=one"]
    assert "other &amp; more" in house.client.get(addresses[0], headers=house.operator).text
    only = house.client.get("/pilots/two/pairs?candidate=one", headers=house.operator).text
    assert re.findall(r'<p class="title"><a[^>]*>([^<]*)', only) == ["of one"]


def test_what_is_kept_of_nothing_is_said(house: House) -> None:
    with session_scope(house.factory) as session:
        session.execute(text("DELETE FROM payloads"))
        session.execute(text("DELETE FROM audit_log"))
    page = house.get(f"/{house.ids['planted']}")
    assert "No text of the request is kept" in page
    assert page.count("No text of this reply is kept") == 2
    assert house.get().count("No text is kept of this pair.") == len(EVERYTHING)
    with house.factory() as session:
        assert session.scalar(text("SELECT count(*) FROM audit_log WHERE action = 'pair.read'")) == 0
