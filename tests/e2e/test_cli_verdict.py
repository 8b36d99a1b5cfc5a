"""From recorded exchanges with imported grades to a verdict and a report, by commands alone."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.api.application import make_api
from app.domain.words import Role
from app.store.session import SessionFactory
from parallel_pilot.cli import main
from tests.api import PILOT_TOML, key_for, services_for
from tests.e2e.served import served

Pilot = Callable[..., tuple[int, str, str]]
START = datetime(2026, 10, 1, tzinfo=UTC)
TOML = PILOT_TOML + '[[segment]]\nname = "billing"\n[judge]\nrater = "gpt-4"\n'


@pytest.fixture
def pilot(
    session_factory: SessionFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Pilot]:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main.run(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    with served(make_api(services_for(session_factory, tmp_path))) as url:
        monkeypatch.setenv("PILOT_SERVICE_URL", url)
        monkeypatch.setenv("PILOT_API_KEY", key_for(Role.ADMIN, session_factory))
        (tmp_path / "pilot.toml").write_text(TOML)
        (tmp_path / "log.jsonl").write_bytes(b"".join(line(number) for number in range(560)))
        assert run("create", str(tmp_path / "pilot.toml"))[0] == 0
        assert run("import", "support-bot", str(tmp_path / "log.jsonl"))[0] == 0
        yield run


def line(number: int) -> bytes:
    """20 conversations a day for 28 days; the judge finds every second pair equal, and half of the others better."""
    value = (0.5, 1.0, 0.5, 0.0)[number % 4]
    grades = [
        {"arm": "qwen", "by": "judge", "rater": "gpt-4", "shown_first": first, "value": value}
        for first in ("incumbent", "qwen")
    ]
    document = {
        "exchange_id": f"e-{number}",
        "conversation_id": f"c-{number}",
        "arrived_at": (START + timedelta(days=number // 20, minutes=number % 20)).isoformat(),
        "segment": "billing" if number % 5 else "other",
        "request": {"model": "gpt-5.1", "messages": [{"role": "user", "content": f"question {number}"}]},
        "replies": {"incumbent": {"content": f"answer {number}"}, "qwen": {"content": f"other {number}"}},
        "preferences": grades,
    }
    return json.dumps(document).encode() + b"\n"


def test_a_draft_has_a_verdict_that_it_was_not_started(pilot: Pilot) -> None:
    scorecard = scorecard_of(pilot("verdict", "support-bot", "--json"))
    assert scorecard["candidates"]["qwen"]["verdict"]["reason_codes"][0] == "not_started"


def scorecard_of(done: tuple[int, str, str]) -> Any:
    assert done[0] == 0, done[2]
    return json.loads(done[1])


def test_the_verdict_is_told_with_all_that_it_rests_on(pilot: Pilot) -> None:
    assert pilot("start", "support-bot")[0] == 0
    scorecard = scorecard_of(pilot("verdict", "support-bot", "--json"))
    card = scorecard["candidates"]["qwen"]
    assert card["quality"]["win_rate_fixed"]["n"] == 560
    assert card["quality"]["win_rate"]["value"] == pytest.approx(0.5, abs=1e-9)
    code, out, _ = pilot("verdict", "support-bot")
    assert code == 0
    assert f"qwen: {card['verdict']['outcome']}" in out
    told = " ".join(out.split())
    for said in (*card["verdict"]["reasons"], *card["verdict"]["would_change"], *card["verdict"]["not_tested"]):
        assert " ".join(said.split()) in told
    for gate in card["gates"]:
        assert f"{gate['name']} " in out
    assert "billing" in out
    rate = card["segments"]["billing"]["win_rate"]
    assert f"[{rate['low']:.1%}, {rate['high']:.1%}]" in out


def test_as_of_is_the_past(pilot: Pilot) -> None:
    pilot("start", "support-bot")
    early = scorecard_of(pilot("verdict", "support-bot", "--as-of", "2026-10-08T00:00:00+00:00", "--json"))
    assert early["candidates"]["qwen"]["quality"]["win_rate_fixed"]["n"] == 140
    assert early["day"] == 7
    code, _, err = pilot("verdict", "support-bot", "--as-of", "soon")
    assert (code, "as_of" in err) == (1, True)


@pytest.mark.parametrize("name", ["html", "md", "json"])
def test_a_report_is_written_to_a_file(pilot: Pilot, tmp_path: Path, name: str) -> None:
    pilot("start", "support-bot")
    out = tmp_path / f"report.{name}"
    assert pilot("report", "support-bot", "--format", name, "--out", str(out))[0] == 0
    text = out.read_text()
    assert "support-bot" in text
    assert {"html": "<!doctype html", "md": "# ", "json": "{"}[name] in text.lower()[:200]
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".report")] == []


def test_a_stored_report_is_written_by_its_number_as_a_pdf(pilot: Pilot, tmp_path: Path) -> None:
    pilot("start", "support-bot")
    made = json.loads(pilot("report", "support-bot", "--out", str(tmp_path / "r.html"), "--json")[1])["id"]
    out = tmp_path / "report.pdf"
    assert pilot("report", "support-bot", "--id", str(made), "--format", "pdf", "--out", str(out))[0] == 0
    assert out.read_bytes().startswith(b"%PDF-")
    code, _, err = pilot("report", "support-bot", "--id", "999", "--format", "pdf", "--out", str(out))
    assert (code, f"has no report 999; it has: {made}" in " ".join(err.split())) == (1, True)


def test_a_report_that_cannot_be_written_is_said(pilot: Pilot, tmp_path: Path) -> None:
    code, _, err = pilot("report", "support-bot", "--out", str(tmp_path / "no" / "report.html"))
    assert (code, "cannot be written" in err) == (1, True)


def test_a_replay_is_queued(pilot: Pilot) -> None:
    code, out, _ = pilot("replay", "support-bot", "--no-wait", "--json")
    assert (code, json.loads(out)["state"]) == (0, "queued")
    code, _, err = pilot("replay", "support-bot", "--candidate", "nobody")
    assert (code, "nobody" in err) == (1, True)


def test_a_rehearsal_says_what_it_will_take_and_is_queued(pilot: Pilot) -> None:
    code, out, err = pilot("rehearse", "support-bot", "--speed", "1", "--minutes", "2", "--no-wait", "--json")
    assert (code, json.loads(out)["state"], json.loads(out)["speeds"]) == (0, "queued", [1.0]), err
    assert "rehearsing qwen: about 2 minutes" in " ".join(err.split())
    code, _, err = pilot("rehearse", "support-bot", "--no-wait")
    assert (code, "under way" in err) == (1, True)
    assert pilot("rehearse", "support-bot", "--minutes", "soon")[0] == 2


def test_grading_is_asked_for(pilot: Pilot) -> None:
    code, out, _ = pilot("grade", "support-bot", "--json")
    assert code == 0
    assert json.loads(out)["pairs"] == 560
