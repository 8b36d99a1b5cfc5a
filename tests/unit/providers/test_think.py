"""Thoughts inside content are told from what the user reads, also when a tag is cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers.think import ThinkSplitter


def split(*pieces: str) -> tuple[str, str]:
    splitter = ThinkSplitter()
    for piece in pieces:
        splitter.feed(piece)
    splitter.finish()
    return splitter.visible, splitter.thought


@pytest.mark.parametrize(
    ("content", "visible", "thought"),
    [
        ("plain", "plain", ""),
        ("<think>hm</think>\n\nYes.", "Yes.", "hm"),
        ("hm, the template opened it</think>\nYes.", "Yes.", "hm, the template opened it"),
        ("<think>never closed", "", "never closed"),
        ("A <think>b</think> C <think>d</think> E", "A  C  E", "bd"),
        ("1 < 2 and <thin", "1 < 2 and <thin", ""),
        ("<think></think>Yes.", "Yes.", ""),
    ],
)
def test_thoughts_and_content(content: str, visible: str, thought: str) -> None:
    assert split(content) == (visible, thought)


def test_the_beginning_of_a_tag_is_not_content_yet() -> None:
    splitter = ThinkSplitter()
    splitter.feed("<thi")
    assert splitter.visible == ""
    splitter.feed("nk>x")
    assert (splitter.visible, splitter.thought) == ("", "x")


TEXT = st.lists(st.sampled_from(["<think>", "</think>", "<", "a", " ", "\n", "</", "think>"]), max_size=12).map("".join)


@given(text=TEXT, cuts=st.lists(st.integers(0, 60), max_size=10))
def test_any_cutting_gives_the_same_split(text: str, cuts: list[int]) -> None:
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    pieces = [text[a:b] for a, b in pairwise(places)]
    assert split(*pieces) == split(text)
