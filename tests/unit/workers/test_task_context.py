"""What is said of a task while it runs and at its end."""

import json

import pytest
import structlog
from celery import signals
from celery.apps import worker

from workers.task_context import task_span


class Task:
    name = "pilot.grade"


TASK = Task()


def test_lines_of_a_task_carry_its_name_and_id_until_its_end() -> None:
    signals.task_prerun.send(sender=None, task_id="t-1", task=TASK)
    within = structlog.contextvars.get_contextvars()
    signals.task_postrun.send(sender=None, task_id="t-1", task=TASK, retval=None, state="SUCCESS")
    assert within == {"task": "pilot.grade", "task_id": "t-1"}
    assert structlog.contextvars.get_contextvars() == {}


def test_a_task_is_a_span_and_of_what_it_raised_only_the_kind_is_told() -> None:
    done = task_span("pilot.sweep", "t-1", "SUCCESS", None, 10, 20)
    assert (done.name, done.kind, done.start_ns, done.end_ns, done.is_failed) == ("pilot.sweep", "consumer", 10, 20, False)
    assert done.attributes["parallel_pilot.task_state"] == "success"
    assert done.attributes["messaging.message.id"] == "t-1"
    failed = task_span("pilot.grade", "t-2", "FAILURE", ValueError("zibbernaught"), 10, 20)
    assert (failed.is_failed, failed.attributes["error.type"]) == (True, "ValueError")
    assert "zibbernaught" not in str(failed)


def test_what_celery_says_past_all_loggers_is_a_line_like_any_other(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("celery.apps.worker.safe_say", print)  # fails if celery has another way now
    signals.celeryd_init.send(sender=None)
    worker.safe_say("worker: Warm shutdown (MainProcess)", None)  # type: ignore[attr-defined]
    (line,) = capfd.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "worker: Warm shutdown (MainProcess)"
