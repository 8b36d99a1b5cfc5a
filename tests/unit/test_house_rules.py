"""Rules of the house that no linter knows."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("app", "workers", "parallel_pilot", "tests", "migrations")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
# Names that attract everything that has no place.
BANNED_NAMES = {"utils", "helpers", "common", "manager", "service"}
COMMITS = Path("app/store/session.py")
# Alembic writes revisions as one function each, as long as the change is.
GENERATED = Path("migrations/versions")


def sources() -> list[Path]:
    found = [path.relative_to(ROOT) for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(found) > 50
    return [*found, Path("run")]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {str(path): len((ROOT / path).read_text().splitlines()) for path in sources() if GENERATED not in path.parents}
    assert {path: length for path, length in lengths.items() if length > MAX_FILE_LINES} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    long = [
        f"{path}:{function.lineno} {function.name}"
        for path in sources()
        if GENERATED not in path.parents
        for function in functions(path)
        if (function.end_lineno or function.lineno) - function.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert long == []


def test_only_one_place_commits() -> None:
    calls = re.compile(r"\.commit\(")
    found = [path for path in sources() if path.parts[0] in ("app", "workers") and calls.search((ROOT / path).read_text())]
    assert found == [COMMITS]


def test_no_module_has_a_name_that_attracts_everything() -> None:
    assert [path for path in sources() if {path.stem, path.parent.name} & BANNED_NAMES] == []


def test_the_lock_holds_no_address() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text()


def test_the_lock_pins_every_package_with_hashes() -> None:
    blocks = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / "requirements.lock").read_text())[1:]
    assert len(blocks) > 80
    assert [block.splitlines()[0] for block in blocks if "==" not in block or "--hash=sha256:" not in block] == []
