"""Check `repetition`: loops, and texts that rightly repeat themselves."""

import pytest

from app.domain.exchange import Reply
from app.graders.checks import repetition

SENTENCE = "I am sorry for the confusion that this may have caused. "
PROSE = " ".join(f"Sentence {n} says that the parcel number {n * 7} left in week {n % 52} by train." for n in range(60))
LOOPS = {
    "one piece to the end": "The answer is: " + "and so on " * 80,
    "a loop that was cut off": "The answer is: " + ("the next step is the next step, " * 40)[:-7],
    "one character": "Sure! " + "a" * 700,
    "without spaces": "好的。" + "重复的话" * 200,
    "in code": "```python\n" + "x = compute(x)\n" * 60,
    "a phrase in the middle": f"{PROSE} {SENTENCE * 6} {PROSE}",
    "one word": "It was " + "very " * 45 + "good. The end of it is another sentence that says something else.",
    "lines that come again": "\n".join(f"{n}. Step {n}\nPlease restart the machine first." for n in range(9)),
}
FINE = {
    "prose": PROSE,
    "short": "No no no no no.",
    "a phrase four times": f"{PROSE} {SENTENCE * 4} {PROSE}",
    "thirty words": "la " * 30 + "and then the song ends with a different line.",
    "numbers": "[" + "0, " * 400 + "0]",
    "a rule of dashes": "Title\n" + "-" * 900,
    "a table": "\n".join(["| name | state of the order |", "|---|---|"] + ["| order | is on its way |"] * 9 + [PROSE]),
    "JSON rows": '[\n' + "\n".join(f'{{"id": {n}, "state": "on its way to you"}},' for n in range(60)) + '\n{}]',
    "code that repeats": "```python\n" + "\n".join(f"assert f({n}) == {n}\nprint('the same')" for n in range(30)) + "\n```",
    "a refrain": "\n".join(f"Verse {n}: {n * 99} days\nAt sea in {n}\nSing it again, my dear old friend." for n in range(7)),
    "short lines": "\n".join(["- yes"] * 19),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_is_found(name: str) -> None:
    assert repetition.find({}, Reply(LOOPS[name])) is not None


@pytest.mark.parametrize("name", FINE)
def test_what_rightly_repeats_itself_is_not(name: str) -> None:
    assert repetition.find({}, Reply(FINE[name])) is None


def test_what_is_said_again_is_named() -> None:
    found = repetition.find({}, Reply(LOOPS["one piece to the end"]))
    assert found is not None
    assert "so on" in found


def test_it_is_about_replies_that_say_something() -> None:
    assert repetition.applies({}, Reply("x"))
    assert not repetition.applies({}, Reply(None))
