"""Which of the two libraries is meant; each is found without importing the other."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import httpx2
import pytest

from parallel_pilot import libraries
from parallel_pilot.libraries import chosen_library

ROOT = Path(libraries.__file__).parents[1]
# A stand-in with httpx's name: which one is chosen is what is tested, not what it does.
FAKE = """
class Limits:
    def __init__(self, **_): ...
class HTTPTransport:
    def __init__(self, **_): ...
class BaseTransport: ...
"""


@pytest.fixture
def httpx_too(tmp_path: Path) -> Path:
    """A folder in which `httpx` is installed beside what is there."""
    (tmp_path / "httpx").mkdir()
    (tmp_path / "httpx" / "__init__.py").write_text(FAKE)
    return tmp_path


def run(folder: Path, code: str, *, openai: str | None = None) -> str:
    """What a fresh interpreter prints that finds the folder's packages first."""
    if openai is not None:
        info = folder / f"openai-{openai}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: openai\nVersion: {openai}\n")
    program = f"import sys; sys.path[:0] = [{str(folder)!r}, {str(ROOT)!r}]\n{code}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


CHOICE = "from parallel_pilot.libraries import chosen_library\nprint(chosen_library(None, None).__name__)"


def test_what_was_imported_decides(httpx_too: Path) -> None:
    assert run(httpx_too, "import httpx\n" + CHOICE, openai="3.1.0") == "httpx"
    assert run(httpx_too, "import httpx2\n" + CHOICE) == "httpx2"


@pytest.mark.parametrize(
    ("version", "library"), [("1.109.1", "httpx"), ("2.54.0", "httpx"), ("3.52.0", "httpx2"), ("10.0", "httpx2")]
)
def test_of_two_the_openai_sdk_decides(httpx_too: Path, version: str, library: str) -> None:
    assert run(httpx_too, CHOICE, openai=version) == library
    assert run(httpx_too, "import httpx, httpx2\n" + CHOICE) == library


def test_nothing_is_imported_that_the_host_does_not_use(httpx_too: Path) -> None:
    code = (
        "from parallel_pilot import shadow_transport\n"
        "made = shadow_transport(pilot='p', service_url='http://x', api_key='k')\n"
        "import httpx\nprint(isinstance(made, httpx.BaseTransport), 'httpx2' in sys.modules)"
    )
    assert run(httpx_too, code, openai="1.0.0") == "True False"


def test_the_wrapped_transport_or_the_argument_decides_first() -> None:
    class Own(httpx2.BaseTransport):
        """A host's own."""

    assert chosen_library(Own(), None) is httpx2
    assert chosen_library(object(), "httpx2") is httpx2
    assert chosen_library(None, httpx2) is httpx2
    with pytest.raises(ValueError, match="library must be one of"):
        chosen_library(None, "requests")


def test_without_either_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("httpx", "httpx2"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ImportError, match="httpx or httpx2"):
        chosen_library(None, None)


def test_a_wrong_guess_is_put_right_by_the_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    from parallel_pilot.transport import shadow_transport  # noqa: PLC0415

    wrong = ModuleType("httpx")
    exec(FAKE, wrong.__dict__)  # noqa: S102
    transport = shadow_transport(pilot="p", service_url="http://x", api_key="k", library=wrong, enabled=False)
    with httpx2.Client() as client, pytest.raises(httpx2.ConnectError):
        transport.handle_request(client.build_request("GET", "http://127.0.0.1:1/v1/models"))


def test_a_proxy_that_is_not_used_is_said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    libraries.own_transport(httpx2, is_async=False)
    assert "HTTPS_PROXY is ignored" in caplog.text
