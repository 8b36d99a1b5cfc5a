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


def distinct(count: int) -> str:
    return "".join(chr(0x4E00 + n) for n in range(count))


def lines_of(line: str, times: int, others: int) -> str:
    return "\n".join([*[line] * times, *(f"Another line {n}" for n in range(others))])


@pytest.mark.parametrize(
    ("content", "piece"),
    [
        ("ab" * 300, "ab"), ("ab" * 299 + "a", None), (distinct(120) * 5, distinct(120)), (distinct(121) * 5, None),
        ("Well: " + distinct(19) * 40, distinct(19)), (distinct(600), None), ("12" * 300, None),
    ],
)  # fmt: skip
def test_the_end_loops_from_600_characters_with_pieces_up_to_120(content: str, piece: str | None) -> None:
    assert repetition.looping_end(content) == piece


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("very " * 40, "very"), ("very " * 39, None), ("a b c d e f g h " * 5, "a b c d e f g h"),
        ("a b c d e f g h " * 4, None),
        ("very " * 45 + "so so good", "very"), ("so so good " + "very " * 45, "very"), ("1 " * 60, None),
    ],
)  # fmt: skip
def test_a_phrase_loops_from_five_times_and_forty_words(text: str, phrase: str | None) -> None:
    found = repetition.repeated_phrase(text.split())
    assert (found is None) is (phrase is None)
    assert found is None or set(found.split()) == set((phrase or "").split())


@pytest.mark.parametrize(
    ("length", "times", "others", "is_found"),
    [(20, 8, 16, True), (19, 8, 16, False), (20, 7, 0, False), (20, 8, 17, False), (20, 9, 0, True)],
)
def test_a_line_of_twenty_characters_loops_from_eight_times_and_a_third(
    length: int, times: int, others: int, is_found: bool
) -> None:
    line = "abcdefghij" * 2
    assert (repetition.repeated_line(lines_of(line[:length], times, others)) is not None) is is_found
