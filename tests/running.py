"""The real service as its users meet it: started by `./run up`, spoken to over HTTP."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

ROOT = Path(__file__).resolve().parents[1]
POLL_SECONDS = 0.2
# Tests run beside others that would go first: their workers would hardly ever get a processor.
SIDE_BY_SIDE = {"PILOT_WORKER_NICENESS": "0"}


class Service:
    """A client of `/api/v1` that raises with the service's own words."""

    def __init__(self, url: str, key: str, gateway_url: str = "", *, http: httpx2.Client | None = None) -> None:
        self.url = url
        self.key = key
        self.gateway_url = gateway_url
        headers = {"Authorization": f"Bearer {key}"}
        self._http = http if http is not None else httpx2.Client(base_url=f"{url}/api/v1", headers=headers, timeout=600)

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        return self._answer(self._http.get(path, params=query))

    def post(self, path: str, document: Any = None) -> Any:
        return self._answer(self._http.post(path, json=document) if document is not None else self._http.post(path))

    def create(self, toml: str) -> Any:
        headers = {"Content-Type": "application/toml"}
        return self._answer(self._http.post("/pilots", content=toml.encode(), headers=headers))

    def import_lines(self, name: str, lines: bytes) -> Any:
        opened = self.post(f"/pilots/{name}/imports", {"file_key": hashlib.sha256(lines).hexdigest(), "format": "pilot"})
        number = opened["id"]
        offset = opened["bytes_staged"]
        while offset < len(lines):
            end = len(lines) if len(lines) - offset <= 4 << 20 else lines.rindex(b"\n", offset, offset + (4 << 20)) + 1
            sent = self._http.put(f"/imports/{number}/chunks", params={"offset": offset}, content=lines[offset:end])
            self._answer(sent)
            offset = end
        return self.post(f"/imports/{number}/commit")

    def replay(self, name: str, *, seconds: float = 300) -> Any:
        replay = self.post(f"/pilots/{name}/replays", {})
        return self._until(f"/replays/{replay['id']}", lambda found: found["state"] not in {"queued", "running"}, seconds)

    def grade(self, name: str, *, seconds: float = 300) -> Any:
        self.post(f"/pilots/{name}/grading")
        return self._until(f"/pilots/{name}/grading", lambda found: found["pending"] == 0, seconds)

    def _until(self, path: str, is_done: Any, seconds: float) -> Any:
        until = time.monotonic() + seconds
        while not is_done(found := self.get(path)):
            if time.monotonic() > until:
                message = f"{path} is not done after {seconds} s: {found}"
                raise TimeoutError(message)
            time.sleep(POLL_SECONDS)
        return found

    @staticmethod
    def _answer(response: httpx2.Response) -> Any:
        if response.is_error:
            message = f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text[:2000]}"
            raise RuntimeError(message)
        return response.json() if response.content else None


def free_port() -> int:
    """A TCP port that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_service(home: Path, **settings: str) -> Iterator[Service]:
    """`./run up --detach` in a home of its own, and `./run down` at the end."""
    home.chmod(0o711)  # sockets of the embedded servers live below
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PILOT_")}
    ports = {"PILOT_API_PORT": str(free_port()), "PILOT_GATEWAY_PORT": "0"}
    environment |= {"PILOT_HOME": str(home), **ports, **SIDE_BY_SIDE, **settings}
    run = [sys.executable, str(ROOT / "run")]
    up = subprocess.run([*run, "up", "--detach", "--json"], env=environment, capture_output=True, text=True, check=False)
    if up.returncode != 0:
        message = f"./run up failed ({up.returncode}):\n{up.stdout}\n{up.stderr}"
        raise RuntimeError(message)
    try:
        facts = json.loads(up.stdout.strip().splitlines()[-1])
        service = Service(facts["api_url"], Path(facts["admin_key_file"]).read_text().strip(), facts["gateway_url"] or "")
        yield service
        service.close()
    finally:
        subprocess.run([*run, "down"], env=environment, check=True, capture_output=True)
