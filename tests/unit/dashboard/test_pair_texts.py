"""How texts of pairs are shown: what differs is marked, Markdown is drawn by a small list, an address says all of a list."""

import time
from datetime import UTC, datetime
from html.parser import HTMLParser
from urllib.parse import parse_qsl

import pytest
from typing_extensions import override

from app.dashboard.pairs_address import read_cursor, read_query, write_cursor, write_query
from app.dashboard.pairs_views import marked
from app.dashboard.rendered_text import rendered
from app.dashboard.word_diff import MOST_WORDS, Run, word_diff
from app.domain.pair_query import Cursor, PairOutcome, PairQuery, PairSort, TextPlace
from app.errors import InvalidInput


def of(runs: tuple[Run, ...]) -> list[tuple[str, bool]]:
    return [tuple(run) for run in runs]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("left", "right", "only_left", "only_right"),
    [
        ("The answer is four.", "The answer is five.", ["four."], ["five."]),
        ("a b c", "a c", ["b"], []),
        ("", "new words", [], ["new words"]),
        ("one\n\ntwo", "one two", [], []),
        ("a x b y c", "a b z c", ["x", "y"], ["z"]),
    ],
)
def test_words_that_only_one_text_has_are_told_apart(
    left: str, right: str, only_left: list[str], only_right: list[str]
) -> None:
    diff = word_diff(left, right)
    assert ["".join(run.text for run in runs) for runs in (diff.left, diff.right)] == [left, right]
    assert [[run.text for run in runs if run.differs] for runs in (diff.left, diff.right)] == [only_left, only_right]


def test_equal_texts_and_texts_that_are_too_long_are_said() -> None:
    assert word_diff("same", "same").is_equal
    long = " ".join(f"w{number}" for number in range(MOST_WORDS + 1))
    assert word_diff(long, long.replace("w", "v")).is_too_long
    assert not word_diff(long, f"{long} more").is_too_long  # what both begin with is no work
    at_bound = word_diff(" ".join(["the cat"] * (MOST_WORDS // 2)), " ".join(["cat the"] * (MOST_WORDS // 2)))
    assert not at_bound.is_too_long


def test_a_day_that_no_pilot_has_is_refused() -> None:
    assert read_query({"day": "1000"}).day == 1000
    with pytest.raises(InvalidInput, match="from 1 to 1000"):
        read_query({"day": str(2**31 - 1)})


def test_a_text_of_a_model_that_got_stuck_keeps_no_page_waiting() -> None:
    stuck = word_diff(" ".join(["a"] * (MOST_WORDS - 2)), "x " + " ".join(["a", "b"] * (MOST_WORDS // 2 - 2)) + " y")
    assert stuck.is_too_long
    assert str(rendered("# a" + " " * 20_000 + "b #")) == f'<p class="heading">a{" " * 20_000}b</p>'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# Title", '<p class="heading">Title</p>'),
        ("a **bold** and *soft* word", "<p>a <strong>bold</strong> and <em>soft</em> word</p>"),
        ("- one\n- two", "<ul><li>one</li><li>two</li></ul>"),
        ("3. one\n4. two", '<ol start="3"><li>one</li><li>two</li></ol>'),
        ("> said", "<blockquote>said</blockquote>"),
        ("```python\nx < **y**\n```", '<pre class="code"><code>x &lt; **y**</code></pre>'),
        ("use `a*b*c`", '<p>use <code class="code">a*b*c</code></p>'),
        ("2 * 3 * 4 and snake_case_name", "<p>2 * 3 * 4 and snake_case_name</p>"),
        ("one\ntwo\n\nthree", "<p>one<br>two</p>\n<p>three</p>"),
        ("---", "<hr>"),
        ("[x](javascript:y) ![z](http://e.example/z.png)", "<p>[x](javascript:y) ![z](http://e.example/z.png)</p>"),
        ("<img src=x onerror=y>", "<p>&lt;img src=x onerror=y&gt;</p>"),
        ("**<script>**", "<p><strong>&lt;script&gt;</strong></p>"),
        ("```\nnever closed", '<pre class="code"><code>never closed</code></pre>'),
    ],
)
def test_markdown_is_drawn_by_a_small_list(text: str, html: str) -> None:
    lines = [line for line in str(rendered(text)).split("\n") if line or "<pre" in html]
    assert "\n".join(lines) == html


class Tags(HTMLParser):
    """Names of tags, with whether they have attributes of another kind than ours."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize("piece", ["**", "`", "_", "*a", "<", "[a](b)", "```", "- ", "> ", "1. ", "&#60;", '"', "'", "# "])
def test_nothing_in_a_text_becomes_another_element_and_drawing_it_is_quick(piece: str) -> None:
    started = time.process_time()
    found = Tags(str(rendered(f"{piece}x<script src=y>{piece}\n" * 20 + piece * 900 + "\n" + piece * 10_000)))
    assert time.process_time() - started < 5  # a text of the worst kind, not of hours
    allowed = {"p", "br", "strong", "em", "code", "pre", "ul", "ol", "li", "blockquote", "hr"}
    assert found.seen <= allowed
    assert found.attributes <= {"class", "start"}


def test_what_was_looked_for_is_marked_and_escaped() -> None:
    assert marked("a <B> and <b>", "<b>") == "a <mark>&lt;B&gt;</mark> and <mark>&lt;b&gt;</mark>"
    assert marked("a.c abc", "a.c") == "<mark>a.c</mark> abc"
    assert marked("<i>", "") == "&lt;i&gt;"


def test_a_list_is_its_address() -> None:
    query = PairQuery(
        candidate="qwen", segment="a&b", decided_by="judge", outcome=PairOutcome.FLIPPED, turn=2, day=3, least_chars=0,
        most_chars=9, text=" two  words ", text_in=TextPlace.REPLIES, exchange="e/1", sort=PairSort.RANDOM, seed=0,
    )  # fmt: skip
    address = write_query(query, after="x")
    assert "seed=0" in address
    assert read_query(dict(parse_qsl(address))) == query
    assert write_query(PairQuery()) == ""
    for sort, place in ((PairSort.NEWEST, datetime(2026, 1, 2, tzinfo=UTC)), (PairSort.WORST, 0.1), (PairSort.LONGER, -7)):
        cursor = Cursor(place, 5, 2)
        assert read_cursor(write_cursor(cursor), sort) == cursor
    for sort, text in (
        (PairSort.WORST, "nan~1~2"),
        (PairSort.LONGER, "9e9~1~2"),
        (PairSort.RANDOM, "1~-1~2"),
        (PairSort.BEST, "1"),
    ):
        with pytest.raises(InvalidInput, match="is no place in a list"):
            read_cursor(text, sort)
