"""Which metrics the code makes, with their kinds and labels, read from the code itself."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAKERS = {"Counter": "counter", "Gauge": "gauge", "Histogram": "histogram", "_gauge": "gauge"}


@dataclass(frozen=True)
class Metric:
    """One metric; `series` are the names under which its samples are scraped."""

    name: str
    kind: str
    labels: frozenset[str]

    @property
    def series(self) -> set[str]:
        suffixes = ("_bucket", "_sum", "_count") if self.kind == "histogram" else ("",)
        return {self.name + suffix for suffix in suffixes}


def metrics_in_code() -> dict[str, Metric]:
    """By name."""
    files = [file for folder in ("app", "workers") for file in sorted((ROOT / folder).rglob("*.py"))]
    return {metric.name: metric for file in files if "simulator" not in file.parts for metric in _metrics_of(file)}


def _metrics_of(file: Path) -> Iterator[Metric]:
    text = file.read_text()
    if '"pilot_' not in text:
        return
    tree = ast.parse(text)
    lists = {
        node.targets[0].id: _words(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.List)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and str(name.value).startswith("pilot_"):
                yield Metric(str(name.value), MAKERS[node.func.id], frozenset(_labels(node.args[2:], lists)))


def _labels(given: list[ast.expr], lists: dict[str, list[str]]) -> Iterator[str]:
    for each in given:
        if isinstance(each, ast.Name):
            yield from lists[each.id]
        elif isinstance(each, ast.List):
            yield from _words(each)
        elif isinstance(each, ast.Constant):
            yield str(each.value)


def _words(listed: ast.List) -> list[str]:
    return [str(each.value) for each in listed.elts if isinstance(each, ast.Constant)]
