"""`./run audit`: known vulnerabilities of what the service installs, by pip-audit over requirements.lock.

Exit 0: every package was looked up, none is known to be vulnerable; 1: some are; 2: not all could be looked up.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.stack.locking import LOCK, part_of

ROOT = Path(__file__).resolve().parents[2]
# Asked in this order, until one knows every package.
SOURCES = ("pypi", "osv")
SOURCE_SECONDS = 120
NOT_LOOKED_AT = "NOT LOOKED AT"
Ask = Callable[[str], "Answer"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one source said.

    Attributes:
        vulnerable: A line for each known vulnerability.
        looked_at: Packages that the source knows.
        skipped: Packages that it does not know; pip-audit itself calls that a pass.
        problem: Why nothing was said at all.
    """

    vulnerable: tuple[str, ...] = ()
    looked_at: int = 0
    skipped: tuple[str, ...] = ()
    problem: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether every package was looked up."""
        return not self.problem and not self.skipped and self.looked_at > 0


@dataclass(frozen=True, slots=True)
class Audit:
    """The outcome for a person, and as an exit code."""

    code: int
    text: str


def read_answer(output: str, errors: str) -> Answer:
    """What pip-audit printed."""
    try:
        found = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Answer(problem=(errors.strip().splitlines() or ["it said nothing"])[-1][:300])
    lines = [_line(each, flaw) for each in found for flaw in each.get("vulns", [])]
    skipped = tuple(each["name"] for each in found if "skip_reason" in each)
    return Answer(tuple(lines), len(found) - len(skipped), skipped)


def _line(package: Mapping[str, Any], flaw: Mapping[str, Any]) -> str:
    fixed = ", ".join(flaw.get("fix_versions", [])) or "no release yet"
    return f"{package['name']} {package['version']}: {flaw['id']} ({', '.join(flaw.get('aliases', []))}); fixed in: {fixed}"


def ask_source(source: str) -> Answer:
    """Asks one source with pip-audit, for the packages of the service."""
    with tempfile.NamedTemporaryFile("w", suffix=".lock") as file:
        file.write(part_of((ROOT / LOCK).read_text(), "service"))
        file.flush()
        command = [
            str(Path(sys.executable).with_name("pip-audit")), "--requirement", file.name, "--require-hashes", "--disable-pip",
            "--format", "json", "--desc", "off", "--progress-spinner", "off", "--timeout", "10",
            "--vulnerability-service", source,
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=SOURCE_SECONDS
            )
        except subprocess.TimeoutExpired:
            return Answer(problem=f"no answer within {SOURCE_SECONDS} s")
    return read_answer(done.stdout, done.stderr)


def audit(ask: Ask = ask_source) -> Audit:
    """Asks the sources; a vulnerability that any of them knows counts."""
    answers = {}
    for source in SOURCES:
        answers[source] = ask(source)
        if answers[source].is_whole:
            break
    vulnerable = sorted({line for answer in answers.values() for line in answer.vulnerable})
    whole = next((source for source, answer in answers.items() if answer.is_whole), None)
    lines = [*vulnerable, *([] if whole else [f"{NOT_LOOKED_AT}: {_why(source, each)}" for source, each in answers.items()])]
    if vulnerable:
        return Audit(1, "\n".join(lines))
    if whole is None:
        return Audit(2, "\n".join(lines))
    return Audit(0, f"{answers[whole].looked_at} packages looked up at {whole}: no vulnerability is known")


def _why(source: str, answer: Answer) -> str:
    if answer.problem:
        return f"{source} could not be asked: {answer.problem}"
    some = ", ".join(answer.skipped[:3])
    return f"{source} does not know {len(answer.skipped)} of {len(answer.skipped) + answer.looked_at} packages ({some}, …)"


def main() -> int:
    """Asks and says."""
    found = audit()
    (sys.stderr if found.code else sys.stdout).write(f"{found.text}\n")
    return found.code


if __name__ == "__main__":
    sys.exit(main())
