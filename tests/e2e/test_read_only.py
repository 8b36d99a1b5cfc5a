"""Every process of docker-compose.yml works where nothing but its volumes and /tmp can be written, without any privilege."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from app.stack.redis import EmbeddedRedis
from tests.running import ROOT, Service, free_port

pytestmark = pytest.mark.slow
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
REFUSED = re.compile(r"Read-only file system|Errno 30|Permission denied|Errno 13|EROFS", re.IGNORECASE)
WAIT_SECONDS = 90.0
# A mount namespace of the process's own: the whole tree read-only, but for the folder given. The one capability that is left
# opens the socket of PostgreSQL, whose folder is another user's; it writes nothing on what is read-only.
SHUT = """
set -e
mount --make-rprivate /
mount --bind "$0" "$0"
mount -o remount,bind,ro /
for other in $(awk '$2 != "/" && $2 !~ /^\\/(proc|sys|dev)/ {print $2}' /proc/self/mounts | grep -vxF "$0"); do
  mount -o remount,bind,ro "$other" 2>/dev/null || true
done
cd "$1"
shift
exec setpriv --inh-caps=-all --bounding-set=-all,+dac_override --no-new-privs "$@"
"""


def shut(folder: Path, *command: str) -> list[str]:
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *own, "--mount", "sh", "-c", SHUT, str(folder), str(ROOT), *command]


def can_shut(folder: Path) -> bool:
    if shutil.which("unshare") is None or shutil.which("setpriv") is None:
        return False
    probe = shut(folder, "sh", "-c", f"touch {folder}/there && ! touch {ROOT}/nobody-may-write-here")
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


class Compose:
    """The processes, with the commands, health checks and environments of the file; a folder stands for the volumes."""

    def __init__(self, folder: Path, database_url: str, redis_url: str) -> None:
        self.folder, self.tmp = folder, folder / "tmp"
        for name in ("home", "gateway-home", "metrics", "tmp"):
            (folder / name).mkdir()
        nowhere = folder.parent / "home-of-nobody"
        nowhere.mkdir(exist_ok=True)
        self.ports = {"8080": str(free_port()), "8081": str(free_port())}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PILOT_", "XDG_"))}
        self._environment = kept | {
            "PILOT_DATABASE_URL": database_url, "PILOT_REDIS_URL": redis_url, "PILOT_PEPPER": "p" * 40,
            "PILOT_STREAM_KEY": b64encode(bytes(32)).decode(),
            "PILOT_HOME": str(folder / "home"), "PILOT_METRICS_FOLDER": str(folder / "metrics"),
            "HOME": str(nowhere), "HOSTNAME": os.uname().nodename, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }  # fmt: skip

    def environment(self, name: str) -> dict[str, str]:
        """Of a service; each container has a /tmp of its own."""
        own = self.tmp / name
        own.mkdir(exist_ok=True)
        given = {"TMPDIR": str(own), "PILOT_READY_FILE": str(own / "ready")}
        if name == "gateway":
            given["PILOT_HOME"] = str(self.folder / "gateway-home")
        wanted = SERVICES[name]["environment"]
        return {
            key: value for key, value in (self._environment | given).items() if not key.startswith("PILOT_") or key in wanted
        }

    def words(self, name: str, words: list[str]) -> list[str]:
        """A command of the file, here."""
        changed = [word.replace("/tmp/", f"{self.tmp / name}/").replace("$$", "$") for word in words]  # noqa: S108 - the file's own
        folders = {"/var/lib/pilot": str(self.folder / "home"), "/var/lib/pilot-gateway": str(self.folder / "gateway-home")}
        changed = [folders.get(word, word) for word in changed]
        for there, here in self.ports.items():
            changed = [re.sub(rf"\b{there}\b", here, word) for word in changed]
        return ["127.0.0.1" if word == "0.0.0.0" else word for word in changed]

    @contextmanager
    def running(self, name: str) -> Iterator["subprocess.Popen[bytes]"]:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                shut(self.folder, *self.words(name, SERVICES[name]["command"])), env=self.environment(name), stdout=log,
                stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            try:
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(30)
                finally:
                    if process.poll() is None:
                        os.killpg(process.pid, signal.SIGKILL)
                        process.wait()

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def is_healthy(self, name: str) -> bool:
        kind, *words = SERVICES[name]["healthcheck"]["test"]
        command = ["sh", "-c", *words] if kind == "CMD-SHELL" else words
        done = subprocess.run(
            shut(self.folder, *self.words(name, command)), env=self.environment(name), capture_output=True, check=False
        )
        return done.returncode == 0


@pytest.fixture
def compose(tmp_path: Path, fresh_database_url: str, redis_server: EmbeddedRedis) -> Compose:
    folder = tmp_path / "volumes"
    folder.mkdir()
    if not can_shut(folder):
        pytest.skip("this machine lets nobody make a mount namespace (unshare, setpriv)")
    return Compose(folder, fresh_database_url, f"{redis_server.url}?db=11")


def test_no_process_writes_anywhere_but_into_its_volumes_and_tmp(compose: Compose) -> None:
    with compose.running("migrate") as migrating:
        assert migrating.wait(WAIT_SECONDS) == 0, compose.log("migrate")
    key = (compose.folder / "home" / "admin.key").read_text().strip()
    others = [name for name in OURS if name != "migrate"]
    with ExitStack() as held:
        processes = {name: held.enter_context(compose.running(name)) for name in others}
        until = time.monotonic() + WAIT_SECONDS
        for name in others:
            while not compose.is_healthy(name):
                assert processes[name].poll() is None, compose.log(name)
                assert time.monotonic() < until, f"{name} is not healthy: {compose.log(name)}"
                time.sleep(0.5)
        service = Service(f"http://127.0.0.1:{compose.ports['8080']}", key)
        work(service)
        service.close()
        brought = {path.name for path in (compose.folder / "gateway-home").rglob("*") if path.is_file()}
        assert brought == {"routing.json"}
    said = {name: [line for line in compose.log(name).splitlines() if REFUSED.search(line)] for name in OURS}
    assert {name: lines for name, lines in said.items() if lines} == {}
    # uvicorn ends in order, and then by the signal that it was sent.
    assert {process.returncode for process in processes.values()} <= {0, -signal.SIGTERM}


def work(service: Service) -> None:
    """What makes files: drawings, fonts, sheets, slides."""
    service.create(
        '[pilot]\nname = "bot"\nstarts = 2026-09-07\n[decision]\nreason = "cost"\n[incumbent]\nmodel = "m"\n'
        'base_url = "http://127.0.0.1:9/v1"\n[[candidate]]\nname = "qwen"\nmodel = "q"\nbase_url = "http://127.0.0.1:9/v1"\n'
        'license = "MIT"\nfamily = "qwen"\n'
    )
    service.post("/pilots/bot/start")
    replies = {"incumbent": {"content": "yes"}, "qwen": {"content": "no"}}
    line = {
        "arrived_at": "2026-09-07T12:00:00Z",
        "request": {"messages": [{"role": "user", "content": "?"}]},
        "replies": replies,
    }
    assert service.import_lines("bot", json.dumps(line).encode() + b"\n")["new"] == 1
    service.grade("bot")
    report = service.post("/pilots/bot/reports", {})["id"]
    headers = {"Authorization": f"Bearer {service.key}"}
    for kind in ("html", "pdf", "xlsx", "pptx"):
        answer = httpx2.get(f"{service.url}/api/v1/reports/{report}", params={"format": kind}, headers=headers, timeout=60)
        assert answer.status_code == 200, f"{kind}: {answer.text[:500]}"
