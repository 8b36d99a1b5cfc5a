"""`./run bench import`: recorded exchanges from a file on disk to rows, through the real API process.

Measured end to end: reading and hashing the file, sending it in chunks, validation, COPY and the merge, until the commit's
answer. Memory is that of the API process, sampled ten times a second.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import orjson

from app.domain.words import Role
from app.pipeline.access import create_key, load_pepper
from app.stack.postgres import start_postgres
from app.store.migrate import upgrade_database
from app.store.session import make_engine, make_session_factory, session_scope
from parallel_pilot.cli.imports import chunks, file_key

ROOT = Path(__file__).resolve().parents[2]
GOAL_PER_SECOND = 5000
DAYS = 28
TOML = """\
[pilot]
name = "bench"
[incumbent]
base_url = "https://api.example.com/v1"
model = "gpt-5.1"
[[candidate]]
name = "qwen"
base_url = "http://127.0.0.1:8000/v1"
model = "Qwen/Qwen3.5-27B"
license = "Apache-2.0"
[[segment]]
name = "extraction"
match = { model = "^gpt-5" }
"""
TEXT = "the answer to your question about order delivery refund account is that we will look into it and come back"


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="pp-bench-") as folder:
        home = Path(folder)
        home.chmod(0o711)
        file = home / "exchanges.jsonl"
        _write(file, arguments.exchanges, arguments.bytes, with_candidate=arguments.candidate)
        with _database(home) as url, _api(home, url) as (api, pid):
            memory = _Memory(pid)
            first = _import(api, file)
            again = _import(api, file)
            report = _report(arguments, file, first, again, memory.stop())
    sys.stdout.write(json.dumps(report) + "\n")
    return 0 if report["exchanges_per_second"] >= GOAL_PER_SECOND else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench import", description=__doc__)
    parser.add_argument("--exchanges", type=int, default=100_000)
    parser.add_argument("--bytes", type=int, default=2048, help="size of one line")
    parser.add_argument("--candidate", action="store_true", help="each line has a candidate's reply too")
    return parser.parse_args()


def _write(file: Path, count: int, size: int, *, with_candidate: bool) -> None:
    """Lines of one size with text that compresses about as text does."""
    words = TEXT.split()
    text = " ".join(words[(i * i + i // 7) % len(words)] for i in range(size))
    with file.open("wb") as out:
        for number in range(count):
            line = _line(number, count, with_candidate=with_candidate)
            missing = size - len(orjson.dumps(line)) - 1
            start = number * 31 % 1000
            line["request"]["messages"][1]["content"] = text[start : start + missing // 2]
            line["replies"]["incumbent"]["content"] = text[start + 7 : start + 7 + missing - missing // 2]
            out.write(orjson.dumps(line) + b"\n")


def _line(number: int, count: int, *, with_candidate: bool) -> dict[str, Any]:
    second = number * DAYS * 86_400 // count
    day, rest = divmod(second, 86_400)
    usage = {"prompt_tokens": 320, "completion_tokens": 210, "prompt_tokens_details": {"cached_tokens": 128}}
    reply = {"content": "", "finish_reason": "stop", "usage": usage, "ttft_any_seconds": 0.31, "total_seconds": 2.4}
    candidate = {"qwen": {**reply, "content": f"Another answer, number {number}."}} if with_candidate else {}
    return {
        "exchange_id": f"exchange-{number}",
        "arrived_at": f"2026-10-{day + 1:02d}T{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}Z",
        "conversation_id": f"conversation-{number // 3}",
        "turn": number % 3,
        "request": {
            "model": "gpt-5.1",
            "messages": [{"role": "system", "content": "You help customers."}, {"role": "user", "content": ""}],
        },
        "replies": {"incumbent": {**reply}, **candidate},
    }


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


@contextmanager
def _database(home: Path) -> Iterator[str]:
    server = start_postgres(home, _say)
    try:
        upgrade_database(server.url)
        yield server.url
    finally:
        server.stop()


@contextmanager
def _api(home: Path, url: str) -> Iterator[tuple[httpx2.Client, int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PILOT_HOME": str(home), "PILOT_DATABASE_URL": url, "PILOT_REDIS_URL": "redis://127.0.0.1:1/0"}
    command = [sys.executable, "-m", "uvicorn", "--factory", "workers.web:create_app", "--port", str(port), "--no-access-log"]
    process = subprocess.Popen([*command, "--log-level", "warning"], cwd=ROOT, env=environment)
    try:
        headers = {"Authorization": f"Bearer {_key(home, url)}"}
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=600) as api:
            _wait(api, process)
            api.post("/api/v1/pilots", content=TOML.encode()).raise_for_status()
            yield api, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _key(home: Path, url: str) -> str:
    engine = make_engine(url)
    with session_scope(make_session_factory(engine)) as session:
        key = create_key(session, "bench", Role.ADMIN, load_pepper(home, None))
    engine.dispose()
    return key


def _wait(api: httpx2.Client, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        try:
            api.get("/health/live").raise_for_status()
        except httpx2.TransportError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
        else:
            return
    sys.exit("the API did not start")


def _import(api: httpx2.Client, file: Path) -> dict[str, Any]:
    started = time.perf_counter()
    with file.open("rb") as source:
        opened = _said(api.post("/api/v1/pilots/bench/imports", json={"file_key": file_key(source, lambda _: None)}))
        for offset, chunk in chunks(source, 0):
            _said(api.put(f"/api/v1/imports/{opened['id']}/chunks", params={"offset": offset}, content=chunk))
    staged = time.perf_counter()
    result = _said(api.post(f"/api/v1/imports/{opened['id']}/commit"))
    ended = time.perf_counter()
    return {"result": result, "staging_seconds": staged - started, "merge_seconds": ended - staged, "seconds": ended - started}


def _said(answer: httpx2.Response) -> dict[str, Any]:
    if answer.status_code >= 400:
        sys.exit(f"{answer.status_code}: {answer.text[:2000]}")
    found: dict[str, Any] = answer.json()
    return found


class _Memory:
    """Resident memory of a process, before and at its peak, in MB."""

    def __init__(self, pid: int) -> None:
        self.status = Path(f"/proc/{pid}/status")
        self.samples = [self._now()]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()

    def stop(self) -> list[float]:
        self._ended.set()
        self._thread.join()
        return self.samples

    def _sample(self) -> None:
        while not self._ended.wait(0.1):
            self.samples.append(self._now())

    def _now(self) -> float:
        found = re.search(r"VmRSS:\s+(\d+) kB", self.status.read_text())
        return int(found[1]) / 1024 if found else 0.0


def _report(
    arguments: argparse.Namespace, file: Path, first: dict[str, Any], again: dict[str, Any], memory: list[float]
) -> dict[str, Any]:
    half = max(1, len(memory) // 2)
    return {
        "bench": "import",
        "exchanges": arguments.exchanges,
        "bytes_a_line": round(file.stat().st_size / arguments.exchanges) if file.exists() else arguments.bytes,
        "exchanges_per_second": round(arguments.exchanges / first["seconds"]),
        "goal_per_second": GOAL_PER_SECOND,
        "seconds": {name: round(first[f"{name}_seconds"], 2) for name in ("staging", "merge")},
        "result": first["result"],
        "again": {"exchanges_per_second": round(arguments.exchanges / again["seconds"]), "result": again["result"]},
        "api_memory_mb": {
            "before": round(memory[0]),
            "peak": round(max(memory)),
            "peak_first_half": round(max(memory[:half])),
            "peak_second_half": round(max(memory[half:] or memory)),
        },
        "cpus": os.cpu_count(),
    }


if __name__ == "__main__":
    sys.exit(main())
