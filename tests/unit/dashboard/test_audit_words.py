"""Every action has words, and no fact is lost between the sentence and the list below it."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.dashboard.audit_words import WORDS, facts_of, sentence_of
from app.store.audit import Action

ROOT = Path(__file__).resolve().parents[3]


def an_action(action: str, **facts: Any) -> Action:
    return Action(1, datetime(2026, 11, 21, tzinfo=UTC), "ada", action, "support-bot", facts)


def recorded_actions() -> set[str]:
    """Names of actions in calls of `record`, wherever they stand between the actor and the facts."""
    calls = re.compile(r"\brecord\(\w+,([^)=]*)")
    files = [*ROOT.glob("app/**/*.py"), *ROOT.glob("workers/**/*.py")]
    found = {call for file in files for call in calls.findall(file.read_text())}
    named = {name for file in files for name in re.findall(r'^[A-Z_]+_ACTION = "([a-z_.]+)"', file.read_text(), re.MULTILINE)}
    return named | {action for call in found for action in re.findall(r'"([a-z_]+\.[a-z_.]+)"', call)}


def test_every_action_that_is_recorded_has_words() -> None:
    actions = recorded_actions()
    assert {"person.create", "page.sign_in_failed", "label.undo", "pair.read"} <= actions
    assert actions - WORDS.keys() == set()


@pytest.mark.parametrize(
    ("action", "sentence", "facts"),
    [
        (an_action("key.create", key="ops", role="viewer"), "Issued the API key ops with the role viewer", []),
        (an_action("pilot.extend", pilot="support-bot", days=7), "Extended support-bot by 7 days", []),
        (
            an_action("page.sign_in_failed", name=None, why="no such name", address="192.0.2.1"),
            "Somebody tried to sign in and was refused: no such name",
            [("name", "unknown"), ("from the address", "192.0.2.1")],
        ),
        (an_action("pilot.extend", by_hand=True), "Pilot: extend", [("by hand", "yes")]),
        (an_action("future.thing", list=["a", "b"], more={"x": 1}), "Future: thing", [("list", "a, b"), ("more", '{"x": 1}')]),
        (an_action("pilot.stop", pilot="{0.facts}"), "Stopped {0.facts}", []),
    ],
)
def test_an_entry_is_a_sentence_and_the_facts_that_it_leaves(
    action: Action, sentence: str, facts: list[tuple[str, str]]
) -> None:
    assert sentence_of(action) == sentence
    assert [tuple(fact) for fact in facts_of(action)] == facts
