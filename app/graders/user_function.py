"""Grader `python:module:function`: an application's own decision, made on each arm's reply in a process of its own.

An answer is data from strange code: a function that hangs, raises, dies or says too much gives `Ungraded`, never an error here.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from app.domain.exchange import Json, Reply
from app.domain.grader_names import function_of
from app.graders.canonical import canonical_json, fold
from app.graders.grade import Grade, Ungraded
from app.graders.json_fields import grade_documents
from app.graders.label import MAX_CHARS

FUNCTION_FAILED, FUNCTION_TIMEOUT = "function_failed", "function_timeout"
# What is ours in what is said of a function's answers; part of the version.
COMPARISON_VERSION = "1"
LOAD_SECONDS = 30.0
ANSWER_BYTES = 64 * 1024
MEMORY_BYTES = 2 * 1024**3
MAX_DECISION_CHARS = 2000
CHILD = Path(__file__).with_name("function_child.py")


@dataclass(frozen=True, slots=True)
class FunctionRules:
    """Which modules may be run, and for how long.

    Attributes:
        modules: Those that the operator named; all others are refused.
        folder: Where else they may lie than beside the service's own libraries.
        seconds: Of one call.
    """

    modules: frozenset[str] = frozenset()
    folder: Path | None = None
    seconds: float = 5.0

    def problem(self, spec: str) -> str | None:
        """Why a function may not be run here; `None` = it may."""
        named = function_of(spec)
        if named is None or named[0] in self.modules:
            return None
        known = f"it names {', '.join(sorted(self.modules))}" if self.modules else "it is not set"
        return (
            f"grader {spec!r}: the module '{named[0]}' may not be run here: whoever runs the service names it in "
            f"PILOT_GRADER_MODULES ({known})"
        )


NO_FUNCTIONS = FunctionRules()


@dataclass(slots=True)
class UserFunctions:
    """One process for all functions, begun at the first call and anew after one that hung or ended. Close it."""

    rules: FunctionRules
    _child: "subprocess.Popen[bytes] | None" = None
    _socket: socket.socket | None = None
    _versions: dict[str, str] = field(default_factory=dict)
    _broken: dict[str, Ungraded] = field(default_factory=dict)

    def __enter__(self) -> "UserFunctions":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the process and all that it began."""
        if self._socket is not None:
            self._socket.close()
        if self._child is not None:
            with suppress(ProcessLookupError):  # it has ended, and nothing that it began is left
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()
        self._child = self._socket = None

    def version(self, spec: str) -> str:
        """Names the source of the function's module; "" = it cannot be loaded."""
        self._load(spec)
        return self._versions.get(spec, "")

    def grade(self, spec: str, request: Json, incumbent: Reply, other: Reply, *, is_reference: bool) -> Grade | Ungraded:
        """What a function's two answers make of a pair.

        Where the incumbent counts as right, half of how far the decisions agree. Else each answer is a score from 0 to 1 (or
        true and false): 0.5 + half of what the arm scores above the incumbent. The function never learns whose reply it sees.

        Args:
            spec: `python:module:function`.
            request: As it was sent.
            incumbent: Its reply.
            other: The arm's.
            is_reference: Whether the incumbent counts as right.
        """
        answers: list[Any] = []
        for reply in (incumbent, other):
            answer = self.call(spec, request, reply)
            if isinstance(answer, Ungraded):
                return answer
            answers.append(answer)
        return compare_decisions(answers[0], answers[1]) if is_reference else compare_scores(answers[0], answers[1])

    def call(self, spec: str, request: Json, reply: Reply) -> Any:
        """The function's answer on one reply, a JSON value; `Ungraded` if it gives none."""
        broken = self._load(spec)
        if broken is not None:
            return broken
        answer = self._ask(spec, self.rules.seconds, {"request": request, "reply": as_plain(reply)})
        if isinstance(answer, Ungraded):
            return answer
        try:
            return json.loads(answer["value"])
        except (KeyError, ValueError, RecursionError):
            return Ungraded(FUNCTION_FAILED, str(answer.get("error", "the answer is not JSON")))

    def _load(self, spec: str) -> Ungraded | None:
        """Imports the module once; what is wrong with it is said for every pair, and tried again in the next turn."""
        if spec in self._versions:
            return None
        if spec not in self._broken:
            found = self._try_to_load(spec)
            if isinstance(found, str):
                self._versions[spec] = found
                return None
            self._broken[spec] = found
        return self._broken[spec]

    def _try_to_load(self, spec: str) -> str | Ungraded:
        problem = self.rules.problem(spec)
        if problem is not None:
            return Ungraded(FUNCTION_FAILED, problem)
        answer = self._ask(spec, LOAD_SECONDS, {})
        if isinstance(answer, Ungraded):
            return answer
        if "error" in answer:
            return Ungraded(FUNCTION_FAILED, f"{spec} cannot be loaded: {answer['error']}")
        if not answer["is_there"]:
            return Ungraded(FUNCTION_FAILED, f"{spec}: the module has no such function")
        return f"{COMPARISON_VERSION}+{answer['version']}"

    def _ask(self, spec: str, seconds: float, more: Json) -> Json | Ungraded:
        module, function = function_of(spec) or ("", "")
        try:
            line = json.dumps({"module": module, "function": function, "seconds": seconds} | more).encode() + b"\n"
            return self._exchange(line, monotonic() + seconds)
        except TimeoutError:
            self.close()
            return Ungraded(FUNCTION_TIMEOUT, f"{spec} gave no answer within {seconds:g} seconds")
        except (OSError, ValueError) as error:
            ended = self._child.poll() if self._child is not None else None
            self.close()
            how = f"ended with {ended}" if ended is not None else f"broke off: {error}"
            return Ungraded(FUNCTION_FAILED, f"{spec}: its process {how}")

    def _exchange(self, line: bytes, until: float) -> Json:
        connection = self._begun()
        connection.settimeout(_left(until))
        connection.sendall(line)
        answer = bytearray()
        while not answer.endswith(b"\n"):
            connection.settimeout(_left(until))
            part = connection.recv(64 * 1024)
            if not part or len(answer) > 8 * ANSWER_BYTES:
                self._wait_for_end()
                message = "the process ended" if not part else "the answer is too long"
                raise OSError(message)
            answer += part
        found: Json = json.loads(answer)
        return found

    def _wait_for_end(self) -> None:
        """A process that has closed its end tells how it ended a moment later."""
        if self._child is not None:
            try:
                self._child.wait(timeout=1)
            except subprocess.TimeoutExpired:
                return

    def _begun(self) -> socket.socket:
        if self._socket is None:
            ours, theirs = socket.socketpair()
            settings = {
                "folder": str(self.rules.folder.resolve()) if self.rules.folder is not None else "",
                "answer_bytes": ANSWER_BYTES,
                "memory_bytes": MEMORY_BYTES,
            }
            with theirs:
                self._child = subprocess.Popen(
                    [sys.executable, "-I", str(CHILD), str(theirs.fileno()), json.dumps(settings)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd=self.rules.folder or "/",
                    env={"PATH": os.defpath, "LANG": "C.UTF-8"},  # no keys, no addresses of the service
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            self._socket = ours
        return self._socket


def as_plain(reply: Reply) -> Json:
    """A reply as a function gets it: content and tool calls with their arguments as text. Never whose it is."""
    calls = [{"name": call.name, "arguments": call.arguments} for call in reply.tool_calls]
    return {"content": reply.content, "tool_calls": calls}


def compare_decisions(incumbent: Any, arm: Any) -> Grade | Ungraded:
    """Half of how far two decisions agree, field by field as `json_fields` compares; facts keep both."""
    try:
        grade = grade_documents(incumbent, arm)
    except ValueError as error:
        return Ungraded(FUNCTION_FAILED, f"the decisions cannot be compared: {error}")
    names = _decision_name(incumbent), _decision_name(arm)
    if None not in names:
        reason = f"both '{names[0]}'" if grade.value == 0.5 else f"'{names[1]}' instead of '{names[0]}'"  # noqa: PLR2004 - agrees
        return Grade(grade.value, reason, {"incumbent": names[0], "arm": names[0] if grade.value else names[1]})
    return Grade(grade.value, grade.reason, grade.facts | {"incumbent": _kept(incumbent), "arm": _kept(arm)})


def compare_scores(incumbent: Any, arm: Any) -> Grade | Ungraded:
    """0.5 + half of what the arm scores above the incumbent."""
    for score in (incumbent, arm):
        if not isinstance(score, int | float) or not 0 <= score <= 1:
            message = "without incumbent_is_reference a function must return a number from 0 to 1, or true or false"
            return Ungraded(FUNCTION_FAILED, f"{message}; it returned {canonical_json(score)[:MAX_CHARS]}")
    ours, theirs = float(arm), float(incumbent)
    return Grade(
        0.5 + (ours - theirs) / 2, f"{ours:.3g}, the incumbent {theirs:.3g}", {"incumbent_score": theirs, "arm_score": ours}
    )


def _decision_name(decision: Any) -> str | None:
    """A scalar decision as the confusion table names it; `None` for all others and long texts."""
    if isinstance(decision, dict | list):
        return None
    name = fold(decision) if isinstance(decision, str) else canonical_json(decision)
    return name if len(name) <= MAX_CHARS else None


def _kept(decision: Any) -> Any:
    text = canonical_json(decision)
    return decision if len(text) <= MAX_DECISION_CHARS else {"cut": text[:MAX_DECISION_CHARS]}


def _left(until: float) -> float:
    left = until - monotonic()
    if left <= 0:
        raise TimeoutError
    return left
