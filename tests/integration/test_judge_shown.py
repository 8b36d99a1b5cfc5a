"""What of a stored exchange the judge is shown: its reference answer, and long texts up to where they are cut."""

from typing import Any

from app.pipeline.grading import ask_for_grading, grade_pilot
from app.store.pilots import get_pilot
from app.store.session import SessionFactory, session_scope
from tests.api import PILOT_TOML, Published, an_api
from tests.fake_judge import fake_judge
from tests.integration.importing import counts, import_lines
from tests.integration.test_grading import QUICK, rows
from tests.unit.capture.lines import a_line

JUDGE = """
[judge]
base_url = "{url}"
model = "judge-1"
family = "judge"
input_usd_per_million_tokens = 0
output_usd_per_million_tokens = 0
max_reply_chars = 500
"""


def test_a_reference_is_shown_in_both_orders_and_both_replies_are_cut_alike(
    session_factory: SessionFactory, tmp_path: Any
) -> None:
    replies = {"incumbent": {"content": "a" * 700}, "qwen": {"content": "b" * 500}}
    late = a_line(exchange_id="e-2", replies={"incumbent": {"content": "one"}, "qwen": {"content": "another"}})
    with fake_judge() as judge, an_api(session_factory, tmp_path) as api:
        toml = PILOT_TOML + JUDGE.format(url=judge.url)
        assert api.post("/api/v1/pilots", content=toml).status_code == 201
        assert import_lines(api, a_line(reference={"due": "Tuesday"}, replies=replies), late) == counts(2, new=2)
        assert import_lines(api, late | {"reference": "It comes on Tuesday."}) == counts(1, merged=1)
        with session_scope(session_factory, Published()) as session:
            ask_for_grading(session, "support-bot", "somebody")
            pilot = get_pilot(session, "support-bot")
        while grade_pilot(session_factory, pilot.id, QUICK):
            pass
        card = api.get("/api/v1/pilots/support-bot/scorecard").json()
    figures = card["candidates"]["qwen"]["judge_figures"]
    assert (figures["judged_pairs"], figures["cut_pairs"]) == (2, 1)
    assert {call.reference for call in judge.calls} == {'{"due":"Tuesday"}', "It comes on Tuesday."}
    long = [call for call in judge.calls if "due" in (call.reference or "")]
    assert len(long) == 2
    for call in long:
        one, other = sorted((call.first, call.second))
        assert one.startswith("a" * 500 + "\n<<<cut here: 200 characters are not shown ")
        assert "a" * 501 not in one
        assert other == "b" * 500
    facts = [row.facts for row in rows(session_factory, "SELECT facts FROM grades ORDER BY exchange_id, shown_first")]
    cut = {"calls": 1, "model": "judge-1", "reference": True, "cut_chars": {"incumbent": 200}}
    assert facts == [cut, cut, *[{"calls": 1, "model": "judge-1", "reference": True}] * 2]
