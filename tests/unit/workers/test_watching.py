"""What a worker's parent does with each heartbeat."""

import logging
import time

import pytest

from workers import watching


def test_what_ended_children_counted_is_added_up_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    folded: list[float] = []
    monkeypatch.setattr(watching, "fold_own_host", lambda: folded.append(0.0))
    monkeypatch.setattr(watching, "_folded_at", {})
    watching._fold()
    watching._fold()
    for age_seconds in (watching.FOLD_SECONDS - 30, watching.FOLD_SECONDS):
        monkeypatch.setattr(watching, "_folded_at", {"": time.monotonic() - age_seconds})
        watching._fold()
    assert len(folded) == 2


def test_a_folder_that_cannot_be_written_is_said_and_ends_no_heartbeat(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> int:
        raise PermissionError(13, "no")

    monkeypatch.setattr(watching, "fold_own_host", refuse)
    monkeypatch.setattr(watching, "_folded_at", {})
    with caplog.at_level(logging.WARNING, watching.__name__):
        watching._fold()
    assert "not added up" in caplog.text
