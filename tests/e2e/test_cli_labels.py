"""`pilot labels` against the real API behind a socket."""

import json
from pathlib import Path

from tests.e2e.test_cli import Pilot, document, pilot
from tests.integration.labelling import CANDIDATE, TOML, a_line, judged

__all__ = ["pilot"]
NAME = "support-bot"


def test_a_queue_goes_out_blind_and_its_answers_come_back(pilot: Pilot, tmp_path: Path) -> None:
    toml, lines, queue = tmp_path / "pilot.toml", tmp_path / "lines.jsonl", tmp_path / "queue.jsonl"
    toml.write_text(TOML.format(labels="per_day = 100", planned=4))
    lines.write_text("".join(json.dumps(a_line(n, preferences=judged(1.0, 0.0))) + "\n" for n in range(4)))
    assert pilot("create", str(toml))[0] == 0
    assert pilot("import", NAME, str(lines))[0] == 0
    assert "is not started: nobody is drawn before" in pilot("labels", "status", NAME)[1]
    assert pilot("start", NAME)[0] == 0
    code, out, err = pilot("labels", "export", NAME, "--queue", "drawn", "--rater", "ann", "--out", str(queue))
    assert (code, out) == (0, ""), err
    rows = [json.loads(line) for line in queue.read_text().splitlines()]
    for row in rows[1:]:
        row["answer"] = "first" if row["first"].startswith(CANDIDATE) else "second"
    queue.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = document(pilot("labels", "import", NAME, str(queue), "--json"))
    assert done == {"lines": 4, "new": 3, "unchanged": 0, "merged": 0, "unanswered": 1}
    code, out, _ = pilot("labels", "status", NAME)
    assert code == 0
    assert "3 pairs have a drawn label" in out
    assert "ann" in out
    made = tmp_path / "made.csv"
    assert pilot("labels", "export", NAME, "--out", str(made))[0] == 0
    assert "3 unchanged" in pilot("labels", "import", NAME, str(made))[1]


def test_wrong_labels_and_wrong_use_end_as_elsewhere(pilot: Pilot, tmp_path: Path) -> None:
    toml, file, text = tmp_path / "pilot.toml", tmp_path / "labels.jsonl", tmp_path / "labels.txt"
    toml.write_text(TOML.format(labels="per_day = 100", planned=4))
    assert pilot("create", str(toml))[0] == 0
    file.write_text('{"exchange_id": "e-1", "arm": "qwem", "rater": "ann", "value": 1}\n')
    code, out, err = pilot("labels", "import", NAME, str(file))
    assert (code, out) == (1, "")
    for said in ("labels.jsonl", "exchange_id", "is not stored for this pilot", "did you mean 'qwen'?"):
        assert said in err
    text.write_text("")
    assert pilot("labels", "import", NAME, str(text))[0] == 2
    assert pilot("labels", "export", NAME, "--out", str(tmp_path / "labels"))[0] == 2
    assert pilot("labels", "export", NAME, "--queue", "all", "--out", str(file))[0] == 2
    assert pilot("labels", "export", NAME, "--out", str(tmp_path / "no" / "where.csv"))[0] == 1
    assert pilot("labels", "status", "nobody")[0] == 1
