"""Every line of a process is one JSON object, whoever writes it, and quotes nothing that production said."""

import json
import subprocess
import sys
from typing import Any

import pytest

SENTENCE = "zibbernaught quorvexing"
LINES = f"""
import logging, sys
from workers.logs import configure_logs
import structlog
from app.traces.about import about

SENTENCE = {SENTENCE!r}
def fails():
    try:
        raise KeyError(SENTENCE)
    except KeyError as error:
        raise ValueError(f"cannot read {{SENTENCE}}") from error

ours = logging.getLogger("app.pipeline")
for level in ("INFO", "WARNING", "ERROR", "DEBUG"):
    configure_logs(level, level)
    ours.info("plain")
    ours.debug("deep")
    logging.getLogger("aiohttp").debug("sent %s", SENTENCE)
    with about(pilot="support", exchange="b00t-7", arm="qwen"):
        ours.warning("within")
        structlog.get_logger("app.jobs").info("with fields", calls=3)
    ours.error("of a gateway", extra={{"pilot": "support", "boot": "b00t", "number": 7, "body": SENTENCE}})
    for _ in range(30):
        ours.warning("Redis does not answer: %s", "ConnectionError")
    try:
        fails()
    except ValueError:
        structlog.get_logger().exception("failed")
    try:
        open("/nowhere/at/all")
    except OSError:
        ours.exception("no file")
    try:
        raise ExceptionGroup(SENTENCE, [ValueError(SENTENCE), TypeError("not a number")])
    except ExceptionGroup:
        ours.exception("group")
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 12)
    logging.getLogger("alembic.runtime.migration").warning("Context impl %s.", "PostgresqlImpl")
    context = {{"id": "t-1", "name": "pilot.grade", "exc": f"ValueError({{SENTENCE!r}})", "description": "raised"}}
    logging.getLogger("celery.app.trace").error(
        "Task %(name)s[%(id)s] %(description)s: %(exc)s", context, extra={{"data": context}}
    )
"""


@pytest.fixture(scope="module")
def by_level() -> dict[str, list[dict[str, Any]]]:
    """What a process at each level wrote; each line parses, or the tests fail here."""
    done = subprocess.run([sys.executable, "-c", LINES], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in map(json.loads, done.stderr.splitlines()):
        found.setdefault(line["process"], []).append(line)
    return found


@pytest.fixture
def told(by_level: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """At INFO, by its first words."""
    return {found["event"]: found for found in by_level["INFO"]}


def test_every_line_has_time_level_process_and_what_happened(told: dict[str, dict[str, Any]]) -> None:
    assert all({"timestamp", "level", "process", "event"} <= found.keys() for found in told.values())
    assert told["plain"]["process"] == "INFO"


def test_what_a_line_is_about_stands_in_it(told: dict[str, dict[str, Any]]) -> None:
    names = {"pilot": "support", "exchange": "b00t-7", "arm": "qwen"}
    assert names.items() <= told["within"].items()
    assert (names | {"calls": 3}).items() <= told["with fields"].items()
    assert not names.keys() & told["plain"].keys()
    assert {"pilot": "support", "boot": "b00t", "number": 7}.items() <= told["of a gateway"].items()
    assert "body" not in told["of a gateway"]


def test_lines_of_uvicorn_alembic_and_celery_are_of_the_same_form(told: dict[str, dict[str, Any]]) -> None:
    assert told["Started server process [12]"]["level"] == "info"
    assert told["Context impl PostgresqlImpl."]["level"] == "warning"
    failed = told["Task pilot.grade[t-1] raised: ValueError"]
    assert (failed["task"], failed["task_id"]) == ("pilot.grade", "t-1")


def test_no_words_of_an_exception_that_may_be_production_s(told: dict[str, dict[str, Any]]) -> None:
    assert SENTENCE not in json.dumps(list(told.values()))
    traceback = told["failed"]["exception"]
    assert "in fails" in traceback, "where it happened is told"
    assert "KeyError\n" in traceback
    assert traceback.endswith("ValueError\n")
    assert "No such file or directory: '/nowhere/at/all'" in told["no file"]["exception"], "of programs all is told"
    assert "TypeError: not a number" in told["group"]["exception"]


def test_a_flood_is_one_line(by_level: dict[str, list[dict[str, Any]]]) -> None:
    assert [sum(line["event"].startswith("Redis") for line in found) for found in by_level.values()] == [1, 1, 0, 1]


def test_the_level_is_that_of_our_own_entries_and_libraries_never_tell_what_they_send(
    by_level: dict[str, list[dict[str, Any]]],
) -> None:
    assert [line["event"] for line in by_level["DEBUG"] if line["level"] == "debug"] == ["deep"]
    quoted = [line for line in by_level["DEBUG"] if SENTENCE in json.dumps(line)]
    assert quoted, "at DEBUG exceptions are quoted: docs/traces.md says so"
    assert all("exception" in line or "task" in line for line in quoted)
    assert {line["level"] for line in by_level["WARNING"]} == {"warning", "error"}
    assert {line["level"] for line in by_level["ERROR"]} == {"error"}
