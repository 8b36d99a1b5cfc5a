"""What `pilot status` says of a candidate's server."""

from typing import Any

import pytest

from parallel_pilot.cli.pilots import server_line

NOTHING = dict.fromkeys(("running", "waiting", "kv_cache_usage_rate", "gpu_utilisation_rate", "process_started_at"))
AT = {"arm": "qwen", "at": "2026-11-20T10:00:01Z"}


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        ({}, "nothing that is known here"),
        ({"running": 3.0, "waiting": 0.0}, "3 running, 0 waiting"),
        ({"kv_cache_usage_rate": 0.125, "process_started_at": "2026-11-19T09:00:00Z"},
         "12% of its KV cache in use, started 2026-11-19 09:00:00 UTC"),
        ({"gpu_utilisation_rate": 0.7}, "70% of its GPUs in use"),
    ],
)  # fmt: skip
def test_a_server_is_one_line(seen: dict[str, Any], line: str) -> None:
    assert server_line(NOTHING | AT | seen) == f"the server of qwen at 2026-11-20 10:00:01 UTC: {line}"
