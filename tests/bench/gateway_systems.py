"""What is compared: nothing in between, nginx with `mirror`, and the gateway as its users run it."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from app.domain.routing import FILE_NAME, PilotRoute, Routing, routing_document
from app.stack.redis import EmbeddedRedis, start_redis
from tests.bench.gateway_loads import MissingTool, pinned, process_tree, resident_mb, wait_for_port
from tests.running import ROOT, free_port

NGINX = """\
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr crit; {user}
events {{ worker_connections 16384; }}
http {{
  access_log off; client_max_body_size 200m; client_body_buffer_size 2m; keepalive_requests 1000000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream incumbent {{ server 127.0.0.1:{incumbent}; keepalive 512; keepalive_requests 1000000000; }}
  upstream candidate {{ server 127.0.0.1:{candidate}; keepalive 512; keepalive_requests 1000000000; }}
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; proxy_read_timeout 600s;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location /v1/ {{ mirror /mirror; mirror_request_body on; proxy_pass http://incumbent; }}
    location = /mirror {{ internal; proxy_pass http://candidate$request_uri; }}
  }}
}}
"""


SHED = re.compile(r'pilot_gateway_requests_total\{reason="shed"\} (\S+)')


@dataclass(frozen=True)
class System:
    """Something that listens on a port and, but for the direct way, has processes of its own."""

    name: str
    port: int
    pid: int | None = None

    def pids(self) -> list[int]:
        return process_tree(self.pid) if self.pid is not None else []

    def shed(self) -> float | None:
        """How many observations it says it has shed; `None` = it says nothing of the kind."""
        if self.pid is None:
            return None
        with httpx2.Client() as client:
            answer = client.get(f"http://127.0.0.1:{self.port}/metrics")
        return sum(float(count) for count in SHED.findall(answer.text)) if answer.is_success else None

    def worker_mb(self) -> float | None:
        """Memory of its largest process: the worker."""
        return max((resident_mb(pid) for pid in self.pids()), default=None)


def nginx_program() -> str:
    found = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        message = "nginx is missing (Debian: apt-get install nginx-light)"
        raise MissingTool(message)
    return found


@contextmanager
def nginx(folder: Path, cpu: int, incumbent: int, candidate: int) -> Iterator[System]:
    """nginx with `mirror`, one worker."""
    place = folder / "nginx"
    place.mkdir(exist_ok=True)
    port, file = free_port(), place / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    file.write_text(NGINX.format(folder=place, user=user, incumbent=incumbent, candidate=candidate, port=port))
    command = [nginx_program(), "-p", str(place), "-c", str(file), "-e", "stderr"]
    with _running(command, cpu, port) as process:
        yield System("nginx mirror", port, process.pid)


@contextmanager
def gateway(home: Path, cpu: int, incumbent_url: str, redis: EmbeddedRedis, **settings: str) -> Iterator[System]:
    """One worker, mirroring and recording on: its events go to Redis."""
    write_routing(home, incumbent_url)
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PILOT_")} | {
        "PILOT_HOME": str(home), "PILOT_GATEWAY_PORT": str(port), "PILOT_GATEWAY_WORKERS": "1", "PILOT_REDIS_URL": redis.url,
    } | settings  # fmt: skip
    command = [sys.executable, "-m", "workers.gateway", "--port", str(port), f"gateway-{home.name}"]
    with _running(command, cpu, port, environment) as process:
        yield System("gateway", port, process.pid)


def write_routing(home: Path, incumbent_url: str) -> None:
    """One pilot that mirrors, as the service would write it."""
    route = PilotRoute(name="bench", incumbent_url=incumbent_url, mirrors=True, strictest_level="full")
    document = routing_document(Routing(default="bench", pilots={"bench": route}))
    (home / FILE_NAME).write_text(json.dumps(document))


@contextmanager
def redis_on(home: Path, cpu: int) -> Iterator[EmbeddedRedis]:
    """The embedded Redis of a home, on one CPU."""
    server = start_redis(home)
    try:
        pid = server.pid()
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {cpu})
        yield server
    finally:
        server.stop()


@contextmanager
def drained(redis: EmbeddedRedis, cpu: int) -> Iterator[None]:
    """Readers who keep up, so that no bound is met: mirror and recorder without their work, which is elsewhere's."""
    command = [sys.executable, "-m", "tests.bench.gateway_drain", redis.url]
    with subprocess.Popen(pinned(cpu, command), cwd=ROOT) as process:
        try:
            yield
        finally:
            process.terminate()


@contextmanager
def _running(
    command: list[str], cpu: int, port: int, environment: dict[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    with ExitStack() as stack:
        process = subprocess.Popen(pinned(cpu, command), cwd=ROOT, env=environment)
        stack.callback(_end, process)
        wait_for_port(port, process)
        time.sleep(0.2)
        yield process


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(timeout=40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
