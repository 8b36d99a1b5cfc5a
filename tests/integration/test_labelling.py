"""Labelling blind, by the API: who is drawn, what is shown, what an answer means."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app.domain.draws import draw_point, pair_point
from app.domain.words import Role
from app.store.session import SessionFactory, session_scope
from tests.api import an_api, bearer, key_for
from tests.integration.importing import import_lines
from tests.integration.labelling import (
    CANDIDATE,
    INCUMBENT,
    LABELS,
    NAME,
    START,
    a_labelled_pilot,
    a_line,
    as_labeller,
    judged,
    made,
    next_of,
    tell,
)


def test_whichever_reply_is_shown_first_the_answer_is_the_candidates(session_factory: SessionFactory, tmp_path: Path) -> None:
    lines = [a_line(number, day=number % 3) for number in range(16)]
    expected, orders = {}, Counter[str]()
    with a_labelled_pilot(session_factory, tmp_path, *lines) as api:
        for turn in range(16):
            task = next_of(api)
            exchange = "e-" + task["messages"][0]["text"].removeprefix("question ")
            candidate_is_first = task["first"]["text"].startswith(CANDIDATE)
            assert task["second"]["text"].startswith(INCUMBENT if candidate_is_first else CANDIDATE)
            chosen = "first" if turn % 2 else "second"
            tell(api, task, chosen, critical_first=turn % 3 == 0, critical_second=turn % 5 == 0)
            marks = (turn % 3 == 0, turn % 5 == 0)
            expected[exchange] = (
                1.0 if (chosen == "first") == candidate_is_first else 0.0,
                *(marks if candidate_is_first else marks[::-1]),
                "qwen" if candidate_is_first else "incumbent",
            )
            orders[str(candidate_is_first)] += 1
        assert next_of(api)["token"] is None
        found = {
            label["exchange_id"]: (label["value"], label["critical"], label["incumbent_critical"], label["shown_first"])
            for label in made(api)
        }
    assert found == expected
    assert min(orders[str(way)] for way in (True, False)) >= 2
    assert {value for value, *_ in expected.values()} == {0.0, 1.0}


def test_drawn_is_the_pair_with_the_least_point_of_a_drawn_conversation_whatever_was_graded(
    session_factory: SessionFactory, tmp_path: Path
) -> None:
    lines = [a_line(number, turn=turn, day=number // 20) for number in range(60) for turn in (1, 2, 3)]
    lines = [line | ({"preferences": judged(1.0, 1.0)} if number % 2 else {}) for number, line in enumerate(lines)]
    with a_labelled_pilot(session_factory, tmp_path, *lines, labels="per_day = 2", planned=60) as api:
        pilot = api.get(f"/api/v1/pilots/{NAME}").json()
        seed = pilot["registration_hash"]
        summary = api.get(LABELS).json()["candidates"]["qwen"]
        chance = summary["segments"]["chat"]["label_probability"]
        drawn = {number for number in range(60) if draw_point(seed, f"c-{number}") < chance}
        expected = {min((pair_point(seed, f"e-{n}.{turn}"), f"{n}.{turn}") for turn in (1, 2, 3))[1] for n in drawn}
        shown, days = set(), []
        while (task := next_of(api))["token"] is not None:
            shown.add(task["messages"][0]["text"].removeprefix("question "))
            days.append(task["day"])
            tell(api, task, "tie")
        labels = made(api)
    assert 0 < chance < 1
    assert 5 < len(drawn) < 55
    assert shown == expected
    assert days == sorted(days)
    assert summary["drawn"] == len(drawn)
    assert {(label["value"], label["draw_probability"]) for label in labels} == {(0.5, chance)}


def test_nobody_is_asked_what_a_rule_decides_or_a_segment_without_judge_or_an_open_day(
    session_factory: SessionFactory, tmp_path: Path
) -> None:
    same = {"incumbent": {"content": "Yes."}, "qwen": {"content": "yes."}}
    failed = {"incumbent": {"content": "Yes."}, "qwen": {"failure": "timeout"}}
    unasked = {"incumbent": {"content": "Yes."}}
    lines = [
        a_line(0),
        a_line(1, replies=same),
        a_line(2, replies=failed),
        a_line(3, segment="codes"),
        a_line(4, replies=unasked),
    ]
    with a_labelled_pilot(session_factory, tmp_path, *lines) as api:
        task = next_of(api)
        assert task["messages"][0]["text"] == "question 0.1"
        assert task["progress"]["left"] == 1
        summary = api.get(LABELS).json()["candidates"]["qwen"]
        assert (summary["drawn"], summary["by_rule"], summary["missing"]) == (1, 2, 1)
        assert summary["segments"]["codes"] == {
            "drawn": 0, "labelled": 0, "skipped": 0, "missing": 0, "without_text": 0, "label_probability": 0.0,
        }  # fmt: skip


def test_an_open_day_is_not_offered(session_factory: SessionFactory, tmp_path: Path) -> None:
    today = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with an_api(session_factory, tmp_path) as api:
        started = today - timedelta(days=2)
        text_ = f"""
[pilot]
name = "{NAME}"
starts = {started.date()}
planned_conversations = 5
[incumbent]
base_url = "https://api.openai.com/v1"
model = "gpt-5.1"
[[candidate]]
name = "qwen"
base_url = "http://vllm:8000/v1"
model = "Qwen/Qwen3.5-27B"
[[segment]]
name = "chat"
"""
        assert api.post("/api/v1/pilots", content=text_).status_code == 201
        old, new = started.replace(hour=0), today.replace(hour=0)
        import_lines(api, a_line(0, arrived_at=old.isoformat()), a_line(1, arrived_at=new.isoformat()))
        assert api.post(f"/api/v1/pilots/{NAME}/start").status_code == 200
        summary = api.get(LABELS).json()
    assert summary["candidates"]["qwen"]["drawn"] == 1
    assert summary["closed_days"] in (1, 2)


def test_what_is_shown_tells_neither_arm_nor_model_nor_grade(session_factory: SessionFactory, tmp_path: Path) -> None:
    replies = {
        "incumbent": {"content": "A", "model": "gpt-5.1-turbo", "reasoning": "secret thoughts"},
        "qwen": {
            "tool_calls": [{"id": "x", "type": "function", "function": {"name": "look", "arguments": '{"b": 1.0, "a":2}'}}]
        },
    }
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    request = {"model": "gpt-5.1", "messages": [{"role": "user", "content": "Look!"}], "tools": tools}
    line = a_line(0, request=request, replies=replies, preferences=judged(1.0, 0.0))
    with a_labelled_pilot(session_factory, tmp_path, line) as api:
        answer = api.get(f"{LABELS}/next", headers=as_labeller(session_factory, "ann"))
    for word in ("qwen", "incumbent", "gpt", "candidate", "judge", "secret", "e-0", "c-0"):
        assert word not in answer.text.casefold(), word
    shown = sorted((answer.json()[place] for place in ("first", "second")), key=lambda one: one["text"])
    assert shown[0]["tool_calls"] == ['{"arguments":{"a":2,"b":1},"name":"look"}']


def test_a_skip_needs_a_reason_and_both_bad_keeps_one(session_factory: SessionFactory, tmp_path: Path) -> None:
    with a_labelled_pilot(session_factory, tmp_path, a_line(0), a_line(1)) as api:
        task = next_of(api)
        refused = api.post(LABELS, json={"token": task["token"], "answer": "skip", "reason": "  "})
        assert (refused.status_code, refused.json()["error"]["problems"][0]["field"]) == (422, "reason")
        tell(api, task, "skip", reason="no expertise", critical_first=True)
        tell(api, next_of(api), "both_bad")
        found = sorted(made(api), key=lambda label: "value" in label)
    assert found[0]["skipped"] == "no expertise"
    assert found[0]["critical"] is not found[0]["incumbent_critical"]
    assert (found[1]["value"], found[1]["reason"]) == (0.5, "both_bad")


def test_an_answer_is_corrected_and_taken_back_and_the_audit_log_keeps_what_was(
    session_factory: SessionFactory, tmp_path: Path
) -> None:
    with a_labelled_pilot(session_factory, tmp_path, a_line(0)) as api:
        ann = as_labeller(session_factory, "ann")
        task = next_of(api, ann)
        tell(api, task, "first", ann)
        tell(api, task, "tie", ann)
        assert [label["value"] for label in made(api)] == [0.5]
        back = api.post(f"{LABELS}/undo", headers=ann).json()
        assert back["token"] == task["token"] == next_of(api, ann)["token"]
        assert api.post(f"{LABELS}/undo", headers=ann).json() == {"token": None}
        assert made(api) == []
    with session_factory() as session:
        rows = session.execute(text("SELECT actor, action, facts FROM audit_log WHERE action LIKE 'label%' ORDER BY id")).all()
    assert [(actor, action) for actor, action, _ in rows] == [("ann", "label.correct"), ("ann", "label.undo")]
    assert [facts["value"] for _, _, facts in rows] in ([0.0, 0.5], [1.0, 0.5])
    assert {facts["exchange_id"] for _, _, facts in rows} == {"e-0.1"}


def test_several_raters_answer_the_same_pairs_and_their_agreement_is_told(
    session_factory: SessionFactory, tmp_path: Path
) -> None:
    lines = [a_line(number) for number in range(6)]
    with a_labelled_pilot(session_factory, tmp_path, *lines, labels="per_day = 100\nraters_per_pair = 2") as api:
        ann, bob, cyd = (as_labeller(session_factory, name) for name in ("ann", "bob", "cyd"))
        orders = []
        for who in (ann, bob):
            for _ in range(6):
                task = next_of(api, who)
                orders.append((task["messages"][0]["text"], task["first"]["text"].startswith(CANDIDATE)))
                better = "first" if task["first"]["text"].startswith(CANDIDATE) else "second"
                worse = "second" if better == "first" else "first"
                tell(api, task, better if "question 3" in orders[-1][0] or "question 4" in orders[-1][0] else worse, who)
        assert len(set(orders)) > 6  # not everybody sees the same order
        assert next_of(api, cyd)["token"] is None
        summary = api.get(LABELS).json()
        card = api.get(f"/api/v1/pilots/{NAME}/scorecard").json()
    assert card["candidates"]["qwen"]["quality"]["rater_agreement"] == summary["candidates"]["qwen"]["rater_agreement"]
    qwen = summary["candidates"]["qwen"]
    assert (summary["raters_per_pair"], qwen["labelled"], qwen["usable"]) == (2, 6, 6)
    assert qwen["raters"] == {name: {"labelled": 6, "skipped": 0, "drawn": 6} for name in ("ann", "bob")}
    assert (qwen["rater_agreement"]["value"], qwen["rater_agreement"]["n"]) == (1.0, 6)


def test_a_pair_that_one_skips_stays_open_for_others_until_somebody_answers(
    session_factory: SessionFactory, tmp_path: Path
) -> None:
    with a_labelled_pilot(session_factory, tmp_path, a_line(0)) as api:
        ann, bob, cyd = (as_labeller(session_factory, name) for name in ("ann", "bob", "cyd"))
        tell(api, next_of(api, ann), "skip", ann, reason="cannot tell")
        assert next_of(api, ann)["token"] is None
        tell(api, next_of(api, bob), "tie", bob)
        assert next_of(api, cyd)["token"] is None
        found = api.get(LABELS).json()["candidates"]["qwen"]
    assert (found["labelled"], found["skipped"], found["missing"]) == (1, 0, 0)


def test_uncertain_pairs_are_apart_and_never_enter_inference(session_factory: SessionFactory, tmp_path: Path) -> None:
    unparsed = [{"arm": "qwen", "by": "judge", "rater": "gpt-4", "shown_first": "qwen", "ungraded": "unparsed"}]
    said = {0: judged(1.0, 0.0), 1: unparsed, 2: judged(1.0, 0.5), 3: judged(1.0, 1.0), 4: judged(0.5, 0.5), 5: []}
    said[6] = [*judged(1.0, 1.0), {"arm": "qwen", "by": "judge", "rater": "other", "shown_first": None, "value": 0.0}]
    lines = [a_line(number, preferences=given) for number, given in said.items()]
    with a_labelled_pilot(session_factory, tmp_path, *lines, labels="per_day = 0") as api:
        assert next_of(api)["token"] is None
        summary = api.get(LABELS).json()["candidates"]["qwen"]
        assert summary["uncertain"] == {"flip": 1, "ungraded": 1, "judges_disagree": 1, "near_tie": 1}
        asked = set()
        while (task := next_of(api, queue="uncertain"))["token"] is not None:
            asked.add(task["messages"][0]["text"])
            tell(api, task, "first")
        labels = made(api)
        card = api.get(f"/api/v1/pilots/{NAME}/scorecard").json()
    assert asked == {f"question {number}.1" for number in (0, 1, 2, 6)}
    assert all("draw_probability" not in label for label in labels)
    assert card["candidates"]["qwen"]["quality"]["win_rate_human_corrected"]["n"] == 0


def test_pairs_whose_texts_are_gone_are_counted_and_not_shown(session_factory: SessionFactory, tmp_path: Path) -> None:
    with a_labelled_pilot(session_factory, tmp_path, a_line(0), a_line(1)) as api:
        assert next_of(api)["progress"]["without_text"] == 0
        with session_scope(session_factory) as session:
            session.execute(
                text("DELETE FROM payloads p USING exchanges e WHERE e.id = p.exchange_id AND e.external_id = 'e-0.1'")
            )
            session.execute(text("INSERT INTO audit_log (actor, action, pilot_id) SELECT 'x', 'purge', id FROM pilots"))
        task = next_of(api)
        found = api.get(LABELS).json()["candidates"]["qwen"]
    assert (task["messages"][0]["text"], task["progress"]["without_text"], task["progress"]["left"]) == ("question 1.1", 1, 1)
    assert (found["drawn"], found["missing"], found["without_text"]) == (2, 2, 1)


def test_a_label_reopens_its_day_and_counts(session_factory: SessionFactory, tmp_path: Path) -> None:
    lines = [a_line(number, day=number, preferences=judged(1.0, 1.0)) for number in range(3)]
    with a_labelled_pilot(session_factory, tmp_path, *lines) as api:
        address = f"/api/v1/pilots/{NAME}/scorecard"
        assert api.get(address).json()["days_reopened"] == []
        task = next_of(api)
        tell(api, task, "first")
        card = api.get(address).json()
    assert (task["day"], card["days_reopened"]) == (1, [1])
    assert card["candidates"]["qwen"]["quality"]["labels"] == 1


def test_only_labellers_answer_and_only_running_pilots_take_answers(session_factory: SessionFactory, tmp_path: Path) -> None:
    with a_labelled_pilot(session_factory, tmp_path, a_line(0), a_line(1)) as api:
        viewer, ann = bearer(key_for(Role.VIEWER, session_factory)), as_labeller(session_factory, "ann")
        task = next_of(api, ann)
        new = {"token": task["token"], "answer": "tie"}
        assert api.get(f"{LABELS}/next", headers=viewer).status_code == 403
        assert api.post(LABELS, json=new, headers=viewer).status_code == 403
        assert api.get(LABELS, headers=viewer).status_code == 200
        assert api.get(f"{LABELS}/export", headers=ann).status_code == 403
        assert api.get(f"{LABELS}/export", params={"queue": "drawn"}, headers=ann).status_code == 200
        assert api.post(f"{LABELS}/import", content=b"", headers=ann).status_code == 403
        assert api.post(f"/api/v1/pilots/{NAME}/stop").status_code == 200
        assert api.post(LABELS, json=new, headers=ann).status_code == 409
        assert next_of(api, ann)["token"] is None
        assert api.get(f"{LABELS}/next", params={"candidate": "nobody"}).status_code == 404


def test_a_token_that_is_not_ours_is_refused(session_factory: SessionFactory, tmp_path: Path) -> None:
    with a_labelled_pilot(session_factory, tmp_path, a_line(0)) as api:
        token = next_of(api)["token"]
        for given in (token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), "", "ä" * 20, token * 5):
            assert api.post(LABELS, json={"token": given, "answer": "tie"}).status_code == 422
        assert made(api) == []


def test_before_the_start_nobody_is_drawn(session_factory: SessionFactory, tmp_path: Path) -> None:
    with an_api(session_factory, tmp_path) as api:
        toml = '[pilot]\nname = "support-bot"\n[incumbent]\nbase_url = "https://a.example/v1"\nmodel = "m"\n'
        toml += '[[candidate]]\nname = "qwen"\nbase_url = "http://b.example/v1"\nmodel = "q"\n[[segment]]\nname = "chat"\n'
        assert api.post("/api/v1/pilots", content=toml).status_code == 201
        import_lines(api, a_line(0, arrived_at=START.isoformat()))
        assert api.get(LABELS).json()["registered"] is False
        assert next_of(api)["token"] is None


def test_after_another_model_only_its_own_days_are_offered(session_factory: SessionFactory, tmp_path: Path) -> None:
    def of_model(number: int, day: int) -> dict[str, Any]:
        line = a_line(number, day=day)
        model = "m-1" if day < 2 else "m-2"
        return line | {"replies": {arm: reply | {"model": model} for arm, reply in line["replies"].items()}}

    lines = [of_model(number, day) for number in range(48) for day in [number // 12]]
    with a_labelled_pilot(session_factory, tmp_path, *lines, planned=48) as api:
        summary = api.get(LABELS).json()["candidates"]["qwen"]
        assert next_of(api)["day"] == 3
        tell(api, next_of(api), "tie")
        card = api.get(f"/api/v1/pilots/{NAME}/scorecard").json()["candidates"]["qwen"]
    assert summary["drawn"] == 24
    assert card["quality"]["drawn"] == 24
