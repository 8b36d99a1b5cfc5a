"""Grading by the API: asking for it, and what is refused."""

import json
from pathlib import Path

from sqlalchemy import text

from app.jobs import Job
from app.pipeline.grading import grade_pilot
from app.store.session import SessionFactory, session_scope
from tests.api import Published, an_api
from tests.fake_judge import fake_judge
from tests.integration.test_grading import QUICK, decisive, judged_by, seeded


def test_the_api_asks_for_grading_and_says_how_far_it_is(session_factory: SessionFactory, tmp_path: Path) -> None:
    published = Published()
    with fake_judge() as judge:
        pilot, _ = seeded(session_factory, decisive(), judge=judged_by(judge))
        with an_api(session_factory, tmp_path, publish=published) as api:
            asked = api.post(f"/api/v1/pilots/{pilot.name}/grading")
            assert (asked.status_code, asked.json()["state"], asked.json()["pending"]) == (202, "running", 1)
            assert published == [(Job.GRADE, [pilot.id])]
            grade_pilot(session_factory, pilot.id, QUICK)
            found = api.get(f"/api/v1/pilots/{pilot.name}/grading").json()
    assert found == {
        "pairs": 1, "settled": 1, "pending": 0, "ungraded": {}, "left_out": {}, "judge_calls": 2, "usd": "0.000000",
        "state": "done", "problem": "",
    }  # fmt: skip


def test_a_judge_without_a_price_is_refused(session_factory: SessionFactory, tmp_path: Path) -> None:
    pilot, _ = seeded(session_factory, decisive(), judge={"base_url": "http://127.0.0.1:9/v1", "model": "nobody-knows-me"})
    with an_api(session_factory, tmp_path) as api:
        refused = api.post(f"/api/v1/pilots/{pilot.name}/grading")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "unknown_price")
    assert "judge.input_usd_per_million_tokens" in refused.json()["error"]["message"]


def test_a_stopped_pilot_is_graded_no_more(session_factory: SessionFactory, tmp_path: Path) -> None:
    pilot, _ = seeded(session_factory, decisive())
    with session_scope(session_factory) as session:
        session.execute(text("UPDATE pilots SET state = 'stopped'"))
    with an_api(session_factory, tmp_path) as api:
        refused = api.post(f"/api/v1/pilots/{pilot.name}/grading")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    assert json.loads(refused.text)["error"]["facts"]["state"] == "stopped"
