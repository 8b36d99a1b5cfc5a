"""`pilot hours` against the real API behind a socket: trackers' files, corrections, history, export."""

from pathlib import Path

from tests.e2e.test_cli import Pilot, document, pilot, toml

__all__ = ["pilot", "toml"]
TOGGL = "User,Email,Project,Description,Start date,Start time,End date,End time,Duration,Tags\n"


def test_a_trackers_file_is_imported_corrected_and_exported(pilot: Pilot, toml: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "toggl.csv", tmp_path / "out.csv"
    file.write_text(
        TOGGL + "Ada,a@x,P,vLLM,02/11/2026,09:00,02/11/2026,11:30,02:30:00,gpu\nBob,b@x,P,,03/11/2026,23:00,,01:00,,night\n"
    )
    assert pilot("create", str(toml))[0] == 0
    command = ["hours", "import", "support-bot", str(file)]
    code, _, err = pilot(*command)
    assert (code, "day-first" in err, "--kind-of" in err) == (1, True, True)
    command += ["--kind-of", "GPU=set-up", "--kind-of", "night=on-call", "--dates", "day-first"]
    code, said, err = pilot(*command)
    assert code == 0, err
    assert said.splitlines() == [
        "2 lines: 2 new, 0 unchanged (read as toggl)",
        "logged: set-up 2.5 h, on-call 2 h; once 2.5 h, recurring 2 h",
    ]
    ada, bob = (entry["id"] for entry in document(pilot("hours", "list", "support-bot", "--json"))["entries"])
    assert pilot("hours", "correct", "support-bot", str(ada), "--hours", "2", "--recurring", "--reason", "half")[0] == 0
    assert pilot("hours", "correct", "support-bot", str(ada), "--hours", "2")[0] == 1
    assert pilot("hours", "correct", "support-bot", str(bob))[0] == 2
    assert pilot("hours", "remove", "support-bot", str(bob), "--reason", "not ours")[1] == f"entry {bob} is removed\n"
    history = pilot("hours", "history", "support-bot", str(ada))[1]
    assert "half" in history
    assert "counts" in history
    assert "not ours" in pilot("hours", "history", "support-bot", str(bob))[1]
    listed = pilot("hours", "list", "support-bot")[1]
    assert "once: 0 hours; recurring: 2 hours" in listed
    assert "from 2026-11-02" in listed
    assert pilot("hours", "export", "support-bot", "--out", str(out))[0] == 0
    assert out.read_text().splitlines()[1:] == ["Ada,2026-11-02,2.00,set-up,true,vLLM"]
    assert pilot("hours", "export", "support-bot")[1] == out.read_text()
    assert document(pilot("hours", "import", "support-bot", str(out), "--json"))["new"] == 0
