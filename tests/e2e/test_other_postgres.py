"""The store's tests again, on the oldest PostgreSQL that is promised, where one is installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import OTHER_POSTGRES
from tests.e2e import distinct_sql

ROOT = Path(__file__).resolve().parents[2]
# What lives on Redis and HTTP and speaks no SQL of its own has shown on one PostgreSQL what it can show; so has what sends
# only SQL that another test sends too (tests/e2e/distinct_sql.py).
ELSEWHERE = ("test_gateway*", "test_mirror*", "test_streams*", "test_ingest*", "test_simulator*", "test_client*")
BINARIES = Path("/usr/lib/postgresql/15/bin")


@pytest.mark.timeout(2400)
@pytest.mark.skipif(not (BINARIES / "initdb").exists(), reason=f"no PostgreSQL 15: {BINARIES}/initdb is missing")
@pytest.mark.skipif(OTHER_POSTGRES in os.environ, reason="this is the run on another PostgreSQL")
def test_integration_tests_pass_on_postgresql_15() -> None:
    environment = {**os.environ, OTHER_POSTGRES: str(BINARIES)}
    left_out = [f"--ignore-glob=*/{name}.py" for name in ELSEWHERE] + [f"--deselect={name}" for name in distinct_sql.left_out()]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-m",
        "not slow",
        "tests/integration",
        *left_out,
    ]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:]
    assert "passed" in done.stdout
