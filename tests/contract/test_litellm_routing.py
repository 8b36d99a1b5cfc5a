"""LiteLLM itself reads the exported routing, in an environment of its own: who answers which model name, with which key."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from app.domain.words import Outcome
from tests.contract.sdk_environments import SCRIPTS, python_with
from tests.unit.pipeline.test_routing_export import CANDIDATE, EVERY, VENDOR, exported

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# The last one that could be installed when this was last looked at.
LITELLM = "litellm==1.106.2"


class Speaker(BaseHTTPRequestHandler):
    """Answers with its own name, the model that was asked for and the key."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers["Authorization"].removeprefix("Bearer ")
        said = f"{self.server.server_name} {asked['model']} {key}"  # type: ignore[attr-defined]
        message = {"role": "assistant", "content": said}
        body = json.dumps({
            "id": "c", "object": "chat.completion", "created": 1, "model": asked["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }).encode()  # fmt: skip
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def a_server(name: str) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Speaker)
    server.server_name = name
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def asked(text: str, folder: Path) -> dict[str, str]:
    file = folder / "litellm.yaml"
    file.write_text(text)
    environment = os.environ | {
        "QWEN_KEY": "key-of-qwen",
        "INCUMBENT_API_KEY": "key-of-vendor",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    command = [str(python_with(LITELLM)), str(SCRIPTS / "litellm_route.py"), str(file)]
    done = subprocess.run(command, check=False, env=environment, text=True, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_each_name_is_answered_by_the_arm_of_the_verdict_with_its_key(tmp_path: Path) -> None:
    with a_server("candidate") as candidate, a_server("incumbent") as incumbent:
        tables: dict[str, Any] = {
            "candidate": [CANDIDATE | {"base_url": candidate}], "incumbent": VENDOR | {"base_url": incumbent},
        }  # fmt: skip
        _, _, text = exported(Outcome.HYBRID, "extraction", **tables)
        found = asked(text, tmp_path)
    vendors = "incumbent gpt-5.1 key-of-vendor"
    assert found == {
        "support-bot/extraction": "candidate Qwen/Qwen3.5-27B key-of-qwen",
        'support-bot/odd "one" # x': vendors,
        "support-bot/small": "incumbent gpt-5.1-mini key-of-vendor",
        "gpt-5.1-mini": "incumbent gpt-5.1-mini key-of-vendor",
        "support-bot/named": vendors,
        "gpt-5.1": vendors,
    }


def test_what_the_candidate_cannot_answer_falls_back_to_the_incumbent(tmp_path: Path) -> None:
    with a_server("candidate") as gone:
        pass
    with a_server("incumbent") as incumbent:
        tables: dict[str, Any] = {"candidate": [CANDIDATE | {"base_url": gone}], "incumbent": VENDOR | {"base_url": incumbent}}
        _, _, text = exported(Outcome.MIGRATE, *EVERY, **tables)
        found = asked(text, tmp_path)
    assert set(found.values()) == {"incumbent gpt-5.1 key-of-vendor"}
    assert len(found) == len(EVERY) + 2
