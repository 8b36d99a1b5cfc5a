"""Rules over several keys of an import line, and those that need the pilot: arms, segments, who may say what."""

from collections.abc import Iterator

from app.capture.document import Document, Layout, preference_key
from app.capture.line_problems import Path, nearest, problem, shown
from app.domain.exchange import Json
from app.domain.words import ArmRole
from app.errors import Problem

_INCUMBENT = ArmRole.INCUMBENT.value
_OF_ANSWERS = ("content", "tool_calls")
_OF_JUDGES, _OF_PERSONS = ("shown_first", "ungraded", "reason"), ("skipped", "critical", "draw_probability")


def rule_problems(document: Document, preferences: list[Json], layout: Layout, line: int) -> list[Problem]:
    """Everything that these rules find wrong; `preferences` in the order in which they were given."""
    return list(_problems(document, preferences, layout, line))


def _problems(document: Document, preferences: list[Json], layout: Layout, line: int) -> Iterator[Problem]:
    messages = document["request"].get("messages", [])
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        yield problem(line, ("request", "messages"), "wrong_type", "must be a list of objects with role and content")
    segment = document.get("segment")
    if segment is not None and segment not in layout.segments:
        known = sorted(layout.segments)
        said = f"{shown(segment)} is no segment of the pilot{nearest(segment, known)} Its segments: {', '.join(known)}"
        yield problem(line, ("segment",), "unknown_segment", said)
    if _INCUMBENT not in document["replies"]:
        yield problem(line, ("replies", _INCUMBENT), "missing", "is missing: every exchange needs the incumbent's reply")
    for arm, reply in document["replies"].items():
        yield from _reply_problems(arm, reply, layout, line)
    for number, given in enumerate(preferences):
        yield from _preference_problems(given, ("preferences", number), layout, line)
    yield from _duplicates(preferences, line)


def _reply_problems(arm: str, reply: Json, layout: Layout, line: int) -> Iterator[Problem]:
    if arm not in layout.arms:
        yield _unknown_arm(arm, ("replies", arm), list(layout.arms), line)
    if "failure" in reply:
        for key in _OF_ANSWERS:
            if key in reply:
                yield problem(
                    line, ("replies", arm, key), "failure_and_answer", "stands beside failure: a reply has one of them"
                )
    elif "message" in reply:
        yield problem(line, ("replies", arm, "message"), "not_allowed", "is what a failure said; this reply has no failure")


def _unknown_arm(arm: str, path: Path, known: list[str], line: int) -> Problem:
    said = f"{shown(arm)} is no arm of the pilot that may stand here{nearest(arm, known)} Allowed: {', '.join(known)}"
    return Problem(said, field=problem(line, path, "", "").field, line=line, code="unknown_arm")


def _preference_problems(given: Json, path: Path, layout: Layout, line: int) -> Iterator[Problem]:
    arm, judge = given["arm"], given["by"] == "judge"
    if arm not in layout.compared:
        yield _unknown_arm(arm, (*path, "arm"), sorted(layout.compared), line)
    for key in _OF_PERSONS if judge else _OF_JUDGES:
        if key in given:
            code, whose = ("person_only", "a person") if judge else ("judge_only", "a judge")
            yield problem(line, (*path, key), code, f"may only be given of {whose}, this preference is by {given['by']!r}")
    said = [key for key in ("value", "ungraded" if judge else "skipped") if key in given]
    if len(said) != 1:
        other = "ungraded" if judge else "skipped"
        code = "value_and_reason" if said else "no_value"
        yield problem(line, path, code, f"must have either value or {other} (the reason why there is none)")
    first = given.get("shown_first")
    if judge and first is not None and first not in (_INCUMBENT, arm):
        message = f"must be 'incumbent', {shown(arm)} or null (unknown), not {shown(first)}"
        yield problem(line, (*path, "shown_first"), "not_allowed", message)


def _duplicates(preferences: list[Json], line: int) -> Iterator[Problem]:
    seen: set[tuple[str, ...]] = set()
    for given in preferences:
        key = preference_key(given)
        if key in seen:
            what = "arm, rater and shown_first" if given["by"] == "judge" else "arm and rater"
            message = f"has two by {shown(given['rater'])} about {shown(given['arm'])} with the same {what}"
            yield problem(line, ("preferences",), "duplicate_preference", message)
        seen.add(key)
