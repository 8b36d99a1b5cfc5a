"""What a mutation run changes and which quick tests should notice: statistics and verdict, the graders, costs."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = "tests/unit/statistics/test_examples.py"


@dataclass(frozen=True, slots=True)
class Group:
    """Modules that are judged together.

    Attributes:
        modules: Files and folders; of a folder, everything below it.
        tests: Folders of quick tests that may speak of them.
        naming: A test file counts only if it names this; `""` = every file counts.
        beside: Of which package the tests of a module are looked for in which of the folders only; others in all of them.
    """

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    naming: str
    beside: dict[str, str]


_VERDICT = (
    "outcome", "verdict", "ruling", "advice", "quality", "quality_rule", "gates", "left_out", "correction", "length_control",
)  # fmt: skip
_MONEY = (
    "money",
    "money_bills",
    "money_capacity",
    "money_figures",
    "money_options",
    "money_spread",
    "saving",
    "pilot_spend",
    "split",
)
GROUPS = {
    "statistics": Group(
        ("app/statistics", *(f"app/pipeline/{name}.py" for name in _VERDICT)),
        ("tests/unit/statistics", "tests/unit/pipeline"),
        "",
        {"app/statistics": "tests/unit/statistics", "app/pipeline": "tests/unit/pipeline"},
    ),
    "graders": Group(
        ("app/graders", "app/pipeline/preference.py"),
        ("tests/unit/graders", "tests/unit/pipeline", "tests/unit/simulator", "tests/unit/reports"),
        r"app\.graders|app\.pipeline\.preference",
        {},
    ),
    "costs": Group(
        ("app/costs", *(f"app/pipeline/{name}.py" for name in _MONEY)),
        ("tests/unit/costs", "tests/unit/pipeline"),
        "",
        {"app/costs": "tests/unit/costs", "app/pipeline": "tests/unit/pipeline"},
    ),
}


def modules(group: Group) -> list[str]:
    """Paths of what is mutated."""
    found: list[str] = []
    for place in group.modules:
        paths = sorted((ROOT / place).rglob("*.py")) if not place.endswith(".py") else [ROOT / place]
        found += [str(path.relative_to(ROOT)) for path in paths if path.stem != "__init__" and path.exists()]
    return found


def is_meant(module: str, names: list[str] | None) -> bool:
    """Whether one of the names is the module's, its folder's with it (`checks/catalogue`) or its folder's (`checks/`)."""
    path = Path(module)
    return not names or any(name in {path.stem, f"{path.parent.name}/{path.stem}", f"{path.parent.name}/"} for name in names)


def quick_tests(folder: Path, group: Group) -> tuple[str, ...]:
    """Files of quick tests that may speak of the group; the examples are run for their own module."""
    wanted = re.compile(group.naming)
    paths = [path for quick in group.tests for path in sorted((folder / quick).rglob("test_*.py"))]
    named = [str(path.relative_to(folder)) for path in paths if wanted.search(path.read_text())]
    return tuple(path for path in named if path != EXAMPLES)


def tests_of(folder: Path, module: str, group: Group) -> tuple[str, ...]:
    """Quick tests that name the module, and its own examples; where none names it, those of the modules that import it."""
    near = group.beside.get(str(Path(module).parent), "")
    files = [path for path in quick_tests(folder, group) if path.startswith(near)]
    name = Path(module).stem
    named = sorted(_naming(folder, files, module), key=lambda path: name not in path)
    known, sought = {module}, [module]
    while not named and sought and not near:
        among = [other for other in modules(group) if other not in known]
        sought = sorted({other for each in sought for other in _naming(folder, among, each)})
        known.update(sought)
        named = sorted({path for each in sought for path in _naming(folder, files, each)})
    if module.startswith("app/statistics/"):
        named.append(f"{EXAMPLES}::test_the_examples_run[app.statistics.{name}]")
    return tuple(named)


def _naming(folder: Path, files: list[str], module: str) -> list[str]:
    package, name = module.removesuffix(".py").replace("/", ".").rsplit(".", 1)
    wanted = re.compile(rf"{re.escape(package)}\.{name}\b|from {re.escape(package)} import (?:\([^)]*|[^\n]*)\b{name}\b")
    return [path for path in files if wanted.search((folder / path).read_text())]
