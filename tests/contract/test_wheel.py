"""The wheel holds `parallel_pilot` alone and works where nothing else is installed."""

import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (made,) = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def bare(installed: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Runs code with the standard library and the wheel, and nothing else."""
    program = f"import sys; sys.path.insert(0, {str(installed)!r})\n{code}"
    return subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)


def test_it_holds_the_published_package_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"parallel_pilot"}
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert not [name for name in names if name.endswith(".pyc")]


def test_it_needs_nothing_but_for_the_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        (scripts,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        fields = HeaderParser().parsestr(archive.read(metadata).decode())
        commands = archive.read(scripts).decode()
    assert [need for need in fields.get_all("Requires-Dist", []) if "extra == 'cli'" not in need] == []
    assert "pilot = parallel_pilot.cli.main:main" in commands


def test_every_module_but_the_command_imports_bare(installed: Path) -> None:
    modules = [
        ".".join(file.relative_to(installed).with_suffix("").parts).removesuffix(".__init__")
        for file in installed.glob("parallel_pilot/**/*.py")
        if "cli" not in file.parts
    ]
    assert modules
    done = bare(installed, f"import importlib\nfor name in {modules!r}: importlib.import_module(name)")
    assert done.returncode == 0, done.stderr


def test_without_its_extra_the_command_says_what_to_install(installed: Path) -> None:
    done = bare(installed, "from parallel_pilot.cli.main import main; main()")
    assert done.returncode == 1
    assert "pip install 'parallel-pilot[cli]'" in done.stderr
    assert "Traceback" not in done.stderr
