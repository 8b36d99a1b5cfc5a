"""What `parallel_pilot` exports is a promise, and it needs nothing but the standard library."""

import ast
import subprocess
import sys
from inspect import signature
from pathlib import Path

import parallel_pilot

ROOT = Path(parallel_pilot.__file__).parent


def test_the_public_names_are_these() -> None:
    assert sorted(parallel_pilot.__all__) == ["ShadowMiddleware", "__version__", "async_shadow_transport", "shadow_transport"]
    assert all(hasattr(parallel_pilot, name) for name in parallel_pilot.__all__)


def test_only_the_command_imports_anything_else() -> None:
    foreign = {
        f"{file.relative_to(ROOT)}: {name}"
        for file in ROOT.rglob("*.py")
        for name in _imported(file)
        if name not in sys.stdlib_module_names and name != "parallel_pilot"
    }
    assert {line for line in foreign if not line.startswith("cli/")} == set()
    assert {line.partition(": ")[2] for line in foreign} <= {"httpx2", "typer", "rich"}


def _imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_importing_it_imports_no_http_library() -> None:
    code = "import sys, parallel_pilot; print([name for name in sys.modules if name.partition('.')[0] in ('httpx', 'httpx2')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent)
    assert done.stdout.strip() == "[]"


def test_the_arguments_are_these() -> None:
    shared = {"pilot", "service_url", "api_key", "enabled", "segment", "content", "outbox_bytes"}
    for function in (parallel_pilot.shadow_transport, parallel_pilot.async_shadow_transport):
        assert set(signature(function).parameters) == shared | {"transport", "library", "direct_fallback"}
    assert set(signature(parallel_pilot.ShadowMiddleware).parameters) == shared | {"app", "conversation", "serves"}
