"""`pilot invoice` and `pilot plan --usage` against the real API behind a socket."""

from pathlib import Path

from tests.e2e.test_cli import Pilot, document, pilot, toml

__all__ = ["pilot", "toml"]
HEADER = "day,model,requests,input_tokens,cached_input_tokens,output_tokens,usd\n"
ROWS = "".join(f"2026-10-{day:02d},gpt-5.1,100,9000000,1000000,300000,20.00\n" for day in range(1, 29))


def test_an_export_is_imported_listed_replaced_and_removed(pilot: Pilot, toml: Path, tmp_path: Path) -> None:
    file, other, wrong = (tmp_path / name for name in ("usage.csv", "other.csv", "wrong.csv"))
    file.write_text(HEADER + ROWS)
    other.write_text(HEADER + ROWS.replace("20.00", "21.00"))
    wrong.write_text(HEADER + ROWS + "2026-10-29,gpt-5.1,1,1,0,1,many\n")
    assert pilot("create", str(toml))[0] == 0
    code, said, err = pilot("invoice", "import", "support-bot", str(file))
    assert (code, err) == (0, "")
    assert said.endswith(": plain CSV, 28 lines, 2026-10-01 to 2026-10-28, 560.00 US dollars\n")
    assert "imported already" in pilot("invoice", "import", "support-bot", str(file))[1]
    code, _, said = pilot("invoice", "import", "support-bot", str(other))
    assert (code, "is in usage.csv" in said, "--replace" in said) == (1, True, True)
    code, _, said = pilot("invoice", "import", "support-bot", str(wrong))
    assert (code, "wrong.csv" in said, "30" in said, "12.34" in said) == (1, True, True, True)
    done = document(pilot("invoice", "import", "support-bot", str(other), "--replace", "--json"))
    assert (done["status"], done["replaced"]) == ("new", ["usage.csv"])
    number = str(done["invoice"]["id"])
    assert pilot("invoice", "remove", "support-bot", number)[1] == f"invoice {number} (other.csv) no longer counts\n"
    listed = pilot("invoice", "list", "support-bot")[1]
    assert "removed by" in listed
    assert "usage.csv" in listed
    assert pilot("invoice", "remove", "support-bot", "999999")[0] == 1


def test_an_export_says_whether_to_pilot_at_all(pilot: Pilot, tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text(HEADER + ROWS)
    code, said, err = pilot("plan", "--usage", str(file))
    assert code == 0, err
    for words in ("2026-10-01 to 2026-10-28, 28 days", "608.33 US dollars", "gpt-5.1", "rule of thumb", "Stay on the API."):
        assert words in said
    assert "nothing to save" in said
    plan = document(pilot("plan", "--usage", str(file), "--privacy", "--json"))
    assert (plan["advice"], plan["month"]["usd"]) == ("pilot", "608.33")
    assert pilot("plan", "--privacy")[0] == 2
    assert pilot("plan", "--usage", str(file), "--days", "28")[0] == 2
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    code, _, said = pilot("plan", "--usage", str(empty))
    assert (code, "empty.csv" in said, "the file is empty" in said) == (1, True, True)
