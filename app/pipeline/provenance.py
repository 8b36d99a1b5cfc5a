"""Where figures come from: the program with its commit, and every seed that drew something."""

import re
from functools import cache
from pathlib import Path

import parallel_pilot
from app.costs import capacity, month_draws, scenarios
from app.pipeline import evidence_pairs, length_control
from app.pipeline.labelling import agreement

ROOT = Path(__file__).resolve().parents[2]
# Written where the image is built; a checkout says it itself.
COMMIT_FILE = ROOT / "app" / "commit.txt"
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_SHORT = 12
SEEDS = {
    "money: months drawn": month_draws.SEED,
    "money: scenarios": scenarios.FIELD_SEED,
    "capacity: queue replayed": capacity.SEED,
    "quality: length control": length_control.SEED,
    "people: agreement of raters": agreement.SEED,
    "pairs that a report shows": evidence_pairs.SEED,
}
"""What is drawn beside what registrations fix: the draws for people and for the judge come from the registration's hash."""


@cache
def code_version() -> str:
    """The version, and the commit where it is known: `0.7.0+4640541c0ffe`."""
    commit = commit_of(COMMIT_FILE, ROOT / ".git")
    return f"{parallel_pilot.__version__}+{commit[:_SHORT]}" if commit else parallel_pilot.__version__


def commit_of(file: Path, git: Path) -> str:
    """The commit that the program was made from, by what the image's build wrote, else by the checkout; "" = nobody knows."""
    if file.is_file():
        return _commit_in(file)
    if git.is_file():  # a worktree: the file says where its own folder is
        git = Path(git.read_text(encoding="utf-8").removeprefix("gitdir:").strip())
    head = git / "HEAD"
    if not head.is_file():
        return ""
    said = head.read_text(encoding="utf-8").strip()
    return _of_branch(git, said.removeprefix("ref:").strip()) if said.startswith("ref:") else _commit_in(head)


def _of_branch(git: Path, name: str) -> str:
    shared = git / "commondir"
    folders = [git, git / shared.read_text(encoding="utf-8").strip()] if shared.is_file() else [git]
    for folder in folders:
        if (folder / name).is_file():
            return _commit_in(folder / name)
        packed = folder / "packed-refs"
        lines = packed.read_text(encoding="utf-8").splitlines() if packed.is_file() else []
        found = next((line.split(" ")[0] for line in lines if line.endswith(f" {name}")), "")
        if _COMMIT.fullmatch(found):
            return found
    return ""


def _commit_in(file: Path) -> str:
    said = file.read_text(encoding="utf-8").strip()
    return said if _COMMIT.fullmatch(said) else ""
