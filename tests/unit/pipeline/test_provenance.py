"""Where figures come from: the commit, as far as anybody can know it, and every seed."""

import re
from pathlib import Path

import pytest

from app.pipeline.provenance import ROOT, SEEDS, code_version, commit_of

COMMIT = "4640541c0ffee" + "0" * 27


def folder(tmp_path: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, ""),
        ({"commit.txt": f"{COMMIT}\n"}, COMMIT),
        ({"commit.txt": "\n", ".git/HEAD": COMMIT}, ""),
        ({".git/HEAD": f"{COMMIT}\n"}, COMMIT),
        ({".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": f"{COMMIT}\n"}, COMMIT),
        ({".git/HEAD": "ref: refs/heads/main\n", ".git/packed-refs": f"# pack\n{COMMIT} refs/heads/main\n"}, COMMIT),
        ({".git/HEAD": "ref: refs/heads/none\n"}, ""),
        ({".git/HEAD": "<script>"}, ""),
    ],
)
def test_the_commit_is_what_the_build_or_the_checkout_says(tmp_path: Path, files: dict[str, str], found: str) -> None:
    home = folder(tmp_path, files)
    assert commit_of(home / "commit.txt", home / ".git") == found


def test_a_worktree_knows_its_commit(tmp_path: Path) -> None:
    git = {"x/HEAD": "ref: refs/heads/w", "x/commondir": "../g", "g/refs/heads/w": COMMIT}
    home = folder(tmp_path, git | {"tree/.git": f"gitdir: {tmp_path / 'x'}\n"})
    assert commit_of(home / "none", home / "tree" / ".git") == COMMIT


def test_the_version_is_one_that_tools_can_read() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(\+[0-9a-f]{7,12})?", code_version())


def test_every_seed_of_a_scorecard_is_noted() -> None:
    """Modules that draw with a seed of their own; what a registration or a load test draws notes its own."""
    draws = re.compile(r"^_?[A-Z_]*SEED\s*=", re.MULTILINE)
    found = {
        str(path.relative_to(ROOT))
        for place in ("costs", "pipeline", "reports", "statistics")
        for path in (ROOT / "app" / place).rglob("*.py")
        if draws.search(path.read_text())
    }
    assert found == {
        "app/costs/capacity.py", "app/costs/month_draws.py", "app/costs/scenarios.py", "app/pipeline/evidence_pairs.py",
        "app/pipeline/labelling/agreement.py", "app/pipeline/length_control.py",
    }  # fmt: skip
    assert len(SEEDS) == len(found)
