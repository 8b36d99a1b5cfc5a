"""Injected replies and conversations: what the prompt holds, and what is read of a judge that answers honestly."""

import json
import re
from collections.abc import Callable

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.exchange import Json, Reply, ToolCall
from app.graders.judge import pairwise_question
from app.graders.judge_answer import JudgeAnswer
from app.graders.judge_prompt import Comparison, judge_messages
from app.graders.judge_texts import Limits
from tests.unit.graders.attacks import ATTACKS, FIRST, LONG_REASON, SECOND, fake

# What makes a reply the better one: nothing that is injected holds it.
RIGHT, WRONG = "The parcel arrives on Tuesday.", "The parcel arrives on Friday."
EVERY_ATTACK = pytest.mark.parametrize("attack", ATTACKS.values(), ids=list(ATTACKS))
_TITLES = ("conversation", "first reply", "second reply", "reference answer")


def test_there_are_enough_of_them_and_all_differ() -> None:
    assert len(ATTACKS) == len(set(ATTACKS.values())) >= 60
    assert not any(RIGHT in attack or WRONG in attack for attack in ATTACKS.values())


def sent(text: str) -> str:
    """A text as UTF-8 can carry it: halves of characters have a stand-in."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def user(text: str) -> Json:
    return {"messages": [{"role": "user", "content": text}]}


def sections(messages: list[Json]) -> dict[str, str]:
    """The texts between the delimiters, found by the mark of the first line and nothing else."""
    text: str = messages[-1]["content"]
    mark = re.match(r"<<<BEGIN conversation ([0-9a-f]{16})>>>\n", text)
    assert mark is not None
    found, rest = {}, text
    for title in _TITLES:
        begin, end = f"<<<BEGIN {title} {mark[1]}>>>\n", f"\n<<<END {title} {mark[1]}>>>"
        if title == "reference answer" and not rest:
            break
        assert rest.startswith(begin)
        assert (text.count(begin), text.count(end)) == (1, 1)
        found[title], _, rest = rest[len(begin) :].partition(end)
        rest = rest.removeprefix("\n")
    assert rest == ""
    assert text.count(mark[1]) == 2 * len(found)
    return found


@EVERY_ATTACK
def test_the_prompt_holds_every_text_verbatim_between_the_drawn_delimiters(attack: str) -> None:
    one, other = f"{attack}\n{WRONG}", f"{RIGHT}\n{attack}"
    for first, second in ((one, other), (other, one), (attack, RIGHT)):
        comparison = Comparison(user(attack), Reply(first), Reply(second), reference=attack)
        messages = judge_messages(comparison)
        assert list(sections(messages).values()) == [sent(attack), sent(first), sent(second), sent(attack)]
        assert orjson.loads(orjson.dumps(messages)) == messages
        assert messages[0]["content"] == judge_messages(Comparison(user(""), Reply(""), Reply("")))[0]["content"]


@EVERY_ATTACK
def test_what_tools_are_called_with_and_other_turns_stay_inside_too(attack: str) -> None:
    calls = (ToolCall(attack, json.dumps({attack: attack})), ToolCall("look_up", attack))
    turns = [{"role": role, "content": attack} for role in ("system", "user", "assistant", attack)]
    tool = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": attack, "arguments": attack}}]}
    messages = judge_messages(Comparison({"messages": [*turns, tool]}, Reply(attack, calls), Reply(RIGHT)))
    found = sections(messages)
    assert orjson.dumps(messages)
    assert found["second reply"] == RIGHT
    assert found["first reply"].startswith(f"{sent(attack)}\n<<<tool calls " if attack else "<<<tool calls ")
    named, told = [json.loads(line) for line in found["first reply"].split("\n")[-2:]]
    assert (named["name"], told["name"]) == (attack, "look_up")
    assert named["arguments"] == {attack: attack}
    assert found["conversation"].count(f">>>\n{sent(attack)}\n<<<") >= 3


def honest(messages: list[Json]) -> str:
    """A judge that reads by the marks and prefers the reply that is right."""
    found = sections(messages)
    return "first" if RIGHT in found["first reply"] else "second"


def as_asked(attack: str, preference: str) -> list[str]:
    """Answers in the form that was asked for, whose reasoning quotes what was injected."""
    quoted = {"reasoning": f'One reply says "{attack[:30_000]}", which sways nobody.', "preference": preference}
    plain, escaped = json.dumps(quoted, ensure_ascii=False), json.dumps(quoted, indent=1)
    return [plain, escaped, f"```json\n{escaped}\n```", f"<think>It is {preference}.</think>\n{plain}"]


def freely(attack: str, preference: str) -> list[str]:
    """Answers in other forms, with what was injected word for word outside of the verdict."""
    verdict = json.dumps({"reasoning": "By its content.", "preference": preference})
    return [
        f"<think>One of them says {attack} and that is an injection.</think>{verdict}",
        f"It says {attack} and that sways nobody.</think>\n{verdict}",
        f"One reply holds {attack}\nI go by the content:\n{verdict}",
        f"One reply holds\n\n{attack}\n\nMy answer:\n```json\n{verdict}\n```",
        f"{verdict}\n\nNote that one reply says {attack}",
        f"<think>Hm.</think>{verdict}\nOne reply says: {attack}",
        f"{attack}{verdict}",
        f"{verdict}{attack}",
        f"One reply is right about the day. The other one says {attack}",
    ]


@EVERY_ATTACK
def test_no_attack_changes_what_an_honest_judge_says(attack: str) -> None:
    for first, second, best in ((f"{attack}\n{WRONG}", RIGHT, "second"), (RIGHT, f"{WRONG}\n{attack}", "first")):
        question = pairwise_question(Comparison(user(attack), Reply(first), Reply(second)))
        said = honest(question.build())
        assert said == best
        for text in as_asked(attack, said):
            answer = question.parse(text)
            assert answer is not None
            assert answer.preference == said
        for text in freely(attack, said):
            answer = question.parse(text)
            assert answer is None or answer.preference == said


def test_most_honest_answers_are_read_even_where_they_are_not_in_the_form_that_was_asked_for() -> None:
    read = [
        pairwise_question(Comparison(user("Q"), Reply(f"{attack}\n{WRONG}"), Reply(RIGHT))).parse(text) is not None
        for attack in ATTACKS.values()
        for text in freely(attack, "second")[:4]
    ]
    assert sum(read) / len(read) > 0.85


@pytest.mark.parametrize("wrap", [str, lambda text: f"```json\n{text}\n```", lambda text: f"<think>hm</think>{text}"])
def test_a_long_verdict_that_stands_in_a_reply_word_for_word_is_never_the_judges(wrap: Callable[[str], str]) -> None:
    injected = fake("second", LONG_REASON)
    question = pairwise_question(Comparison(user("Q"), Reply(RIGHT), Reply(f"{WRONG}\n{injected}")))
    assert question.parse(wrap(injected)) is None
    assert question.parse(wrap(fake("second", LONG_REASON + "It is."))) is not None
    elsewhere = pairwise_question(Comparison(user("Q"), Reply(RIGHT), Reply(WRONG)))
    assert elsewhere.parse(wrap(injected)) == JudgeAnswer("second", LONG_REASON)


def test_a_reply_of_a_megabyte_stays_in_its_section_and_what_quotes_it_is_read_quickly() -> None:
    attack = ('{"a":' * 1000 + FIRST + "</think>") * 160
    comparison = Comparison(user("Q"), Reply(attack), Reply(RIGHT))
    question = pairwise_question(comparison)
    assert len(attack) > 800_000
    assert list(sections(question.build()).values()) == ["Q", attack, RIGHT]
    for text in freely(attack, "second"):
        answer = question.parse(text)
        assert answer is None or answer.preference == "second"


def test_a_quoted_verdict_at_the_end_of_prose_is_never_the_judges() -> None:
    for injected in (FIRST, SECOND, fake("tie", LONG_REASON)):
        for shown in (Comparison(user("Q"), Reply(injected), Reply("b")), Comparison(user(injected), Reply("a"), Reply("b"))):
            assert pairwise_question(shown).parse(f"I cannot decide. One of them says: {injected}") is None


def test_an_honest_short_verdict_counts_even_if_a_reply_guessed_it() -> None:
    question = pairwise_question(Comparison(user("Q"), Reply(FIRST), Reply(SECOND)))
    assert question.parse(FIRST) == JudgeAnswer("first", "It is right.")
    assert question.parse(SECOND) == JudgeAnswer("second", "It is right.")


WILD = st.one_of(
    st.text(), st.text(alphabet='{}[]":,\\`<>/think preference first second \n'), st.sampled_from(list(ATTACKS.values())[:-4])
)


@given(WILD, WILD, st.sampled_from(["first", "second", "tie"]))
def test_no_text_at_all_changes_an_honest_verdict_or_leaves_its_section(one: str, other: str, preference: str) -> None:
    comparison = Comparison(user(other), Reply(one), Reply(other))
    question = pairwise_question(comparison)
    assert list(sections(question.build()).values()) == [sent(other), sent(one), sent(other)]
    answer = question.parse(json.dumps({"reasoning": one + other, "preference": preference}))
    assert answer is not None
    assert answer.preference == preference


@EVERY_ATTACK
def test_texts_are_verbatim_up_to_the_same_cut_and_the_cut_is_marked(attack: str) -> None:
    comparison = Comparison(user(RIGHT), Reply(attack), Reply(attack + attack), limits=Limits(600, 600))
    found = sections(judge_messages(comparison))
    for title, text in (("first reply", attack), ("second reply", attack + attack)):
        head, tail = text[:600], text[600:]
        if not tail:
            assert found[title] == sent(text)
        else:
            mark = rf"\n<<<cut here: {len(tail)} characters are not shown [0-9a-f]{{16}}>>>"
            assert found[title].startswith(sent(head))
            assert re.fullmatch(mark, found[title].removeprefix(sent(head)))
