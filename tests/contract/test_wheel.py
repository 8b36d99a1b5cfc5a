"""The wheel holds `parallel_pilot` alone and works where nothing else is installed."""

import shutil
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

from tests.unit.client.servers import Service, serving, until

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


# An application of three lines of ASGI, asked once: the standard library and the wheel, and nothing else.
ONE_REQUEST = """
import asyncio, importlib.util, json, sys
from parallel_pilot import ShadowMiddleware, __version__, async_shadow_transport, shadow_transport
assert sys.prefix != sys.base_prefix
assert not [name for name in ("pip", "httpx", "httpx2", "pydantic", "orjson") if importlib.util.find_spec(name)]

async def app(scope, receive, send):
    assert json.loads((await receive())["body"])["model"] == "m"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": b'{"choices":[]}'})

async def receive():
    return {"type": "http.request", "body": b'{"model":"m","messages":[]}', "more_body": False}

sent = []
async def send(message):
    sent.append(message)

wrapped = ShadowMiddleware(app, pilot="support-bot", service_url=sys.argv[1], api_key="pp_key")
scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "raw_path": b"/v1/chat/completions",
         "query_string": b"", "headers": [(b"content-type", b"application/json")]}
asyncio.run(wrapped(scope, receive, send))
assert sent[1]["body"] == b'{"choices":[]}', sent
print(__version__, sys.version_info[:2])
"""
PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.14")


def real_python(name: str) -> str | None:
    """The interpreter of that name on PATH, if it starts: a manager's placeholder may not."""
    found = shutil.which(name)
    done = subprocess.run([found, "-I", "-c", "import venv"], capture_output=True, check=False) if found else None
    return found if done is not None and done.returncode == 0 else None


def test_each_python_here_installs_it_into_an_empty_environment_and_copies_a_request(wheel: Path, tmp_path: Path) -> None:
    """Those of the machine: at least our own. A wheel of pure Python is installed by unpacking it."""
    found = {name: python for name in PYTHONS if (python := real_python(name))} or {"our own": sys.executable}
    for name, python in found.items():
        subprocess.run([python, "-m", "venv", "--without-pip", str(tmp_path / name)], check=True)
        (site,) = (tmp_path / name / "lib").glob("python*/site-packages")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
        service = Service()
        with serving(service) as server:
            done = subprocess.run(
                [str(tmp_path / name / "bin" / "python"), "-I", "-c", ONE_REQUEST, server.url],
                capture_output=True, text=True, check=False, timeout=60,
            )  # fmt: skip
            assert done.returncode == 0, f"{name}: {done.stderr}"
            until(lambda service=service: service.counts().get("issued") == 1)  # type: ignore[misc]
        (request,), (reply,) = service.of("request"), service.of("reply")
        assert request["parts"] == [b'{"model":"m","messages":[]}']
        assert (reply["status"], reply["parts"][0]) == (200, b'{"choices":[]}')
        assert service.keys == {"Bearer pp_key"}
