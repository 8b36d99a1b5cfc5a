"""The renderers: nothing from outside can format, link or run, and nothing is loaded."""

import json
import re
from functools import cache
from html.parser import HTMLParser

import pytest
from typing_extensions import override

from app.errors import InvalidInput
from app.reports.build import build_document
from app.reports.document import Document
from app.reports.html import content_security_policy, render_html
from app.reports.look import stylesheet
from app.reports.markdown import escaped, render_markdown
from app.reports.palette import INKS
from app.reports.rendering import FORMATS, PACK, render
from app.reports.view import ReportView
from tests.unit.reports.examples import (
    HOURS,
    MADE_AT,
    SCORECARDS,
    a_candidate,
    a_document,
    a_full_configuration,
    a_scorecard,
    a_verdict,
    hybrid,
)

EVIL = "<script>alert(1)</script>\"'&|`*[x](javascript:y)_<img src=x onerror=z>"
BASE = "http://127.0.0.1:8000/v1"


@cache
def html_of(example: str) -> str:
    return render_html(a_document(example))


class Page(HTMLParser):
    """Tags with attributes, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    @override
    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def evil() -> Document:
    card = hybrid().candidates["qwen"]
    verdict = a_verdict(card.verdict.outcome, reasons=[EVIL], routing={EVIL: EVIL}, not_tested=[EVIL])
    segments = {EVIL: card.segments["triage"].model_copy(update={"reason": EVIL})}
    scorecard = a_scorecard({EVIL: a_candidate(verdict, segments=segments)})
    configuration = a_full_configuration(
        candidate=[{"name": EVIL, "base_url": BASE, "model": EVIL}],
        incumbent={"base_url": BASE, "model": EVIL},
        judge={"base_url": BASE, "model": EVIL},
    )
    hours = [HOURS[0].__class__(1, EVIL, HOURS[0].worked_on, HOURS[0].hours, EVIL, is_recurring=True, note=EVIL)]
    return build_document(scorecard, configuration, hours, MADE_AT)


def test_text_from_outside_is_text_in_the_page(evil: Document) -> None:
    page = Page(render_html(evil))
    assert EVIL in page.text
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "img", "iframe", "object", "embed", "foreignobject", "image"}
    assert not [attribute for _, attributes in page.tags for attribute in attributes if attribute.startswith("on")]
    assert not [a for _, a in page.tags if "javascript" in (a.get("href") or "")]


def test_text_from_outside_is_text_in_markdown(evil: Document) -> None:
    text = render_markdown(evil)
    assert escaped(EVIL) in text
    assert "<script" not in text
    assert "<img" not in text
    assert not re.search(r"(?<!\\)\]\(", text)
    assert {line.count(" | ") for line in text.splitlines() if line.startswith(r"| &lt;script&gt;")} <= set(range(1, 8))


@pytest.mark.parametrize(
    ("plain", "shown"),
    [
        ("a|b", r"a\|b"),
        ("*bold* _it_", r"\*bold\* \_it\_"),
        ("1. not a list", r"1\. not a list"),
        ("35.0% is a number", "35.0% is a number"),
        ("- not a list", r"\- not a list"),
        ("# no heading", r"\# no heading"),
        ("a\n\n# b", "a # b"),
        ("[a](b)", r"\[a\](b)"),
        ("`x` <b> &amp;", r"\`x\` &lt;b&gt; &amp;amp;"),
        ("C:\\x", r"C:\\x"),
    ],
)
def test_markdown_shows_plain_text_as_it_is(plain: str, shown: str) -> None:
    assert escaped(plain) == shown


@pytest.mark.parametrize("example", SCORECARDS)
def test_a_page_loads_nothing_and_runs_nothing(example: str) -> None:
    page = Page(html_of(example))
    for tag, attributes in page.tags:
        assert tag not in ("script", "iframe", "img", "object", "use", "image")
        assert "style" not in attributes
        for name in ("src", "href", "xlink:href", "data", "action"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:,"))
    assert "url(" not in re.sub(r"url\(#[a-z0-9-]+\)", "", html_of(example))


@pytest.mark.parametrize("example", SCORECARDS)
def test_every_drawing_has_words_and_ids_of_its_own(example: str) -> None:
    page = Page(html_of(example))
    pictures = [attributes for _, attributes in page.tags if attributes.get("role") == "img"]
    assert len(pictures) == len([tag for tag, _ in page.tags if tag == "svg"])
    assert all(len(attributes["aria-label"] or "") > 20 for attributes in pictures)
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(ids) == len(set(ids))
    assert (example == "nothing_imported") == (not pictures)


def test_the_page_carries_its_own_policy_with_the_hash_of_its_style() -> None:
    page = Page(html_of("hybrid"))
    policies = [a["content"] for tag, a in page.tags if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == [content_security_policy()]
    assert "unsafe" not in content_security_policy()


def test_every_colour_of_a_chart_has_one_for_the_dark() -> None:
    html = html_of("two_candidates")
    drawn = set(re.findall(r'(?:fill|stroke)="(#[0-9a-fA-F]{3,6})"', html))
    assert drawn <= {ink.light for ink in INKS}
    assert all(f'.chart [fill="{colour}"]' in stylesheet() for colour in drawn)


def test_json_is_the_scorecard_with_money_as_text_and_unknown_as_null() -> None:
    made = json.loads(render(ReportView(a_document("two_candidates")), "json").content)
    assert (made["schema_version"], made["pilot"]) == (1, "support-bot")
    assert made["candidates"]["qwen"]["cost"]["saving_usd_per_month"]["value"] == "5282.31"
    assert made["candidates"]["llama-70b"]["cost"]["saving_usd_per_month"]["value"] is None
    assert made["window"]["from"] == "2026-11-01T23:00:00Z"


def test_an_unknown_format_names_the_available_ones() -> None:
    with pytest.raises(InvalidInput, match="no report format 'docx' in this version; available: html, md, json") as refused:
        render(ReportView(a_document()), "docx")
    assert refused.value.problems[0].field == "format"
    assert refused.value.facts == {"available": list(FORMATS)}


@pytest.mark.parametrize("name", [name for name in FORMATS if name != PACK])
def test_the_same_document_renders_the_same(name: str) -> None:
    document = a_document("hybrid")
    stored = Document.model_validate(document.model_dump(mode="json"))
    assert render(ReportView(stored), name) == render(ReportView(document), name)


def test_segments_with_equal_beginnings_keep_rows_of_their_own() -> None:
    card = hybrid().candidates["qwen"]
    start = "a very long name of a kind of work, number "
    segments = {f"{start}{place}": card.segments["triage"] for place in range(3)}
    scorecard = a_scorecard({"qwen": card.model_copy(update={"segments": segments})})
    html = render_html(build_document(scorecard, a_full_configuration(), (), MADE_AT))
    drawing = html[html.index("Win rate by kind of work") :]
    wide = drawing[drawing.index("<svg") : drawing.index("</svg>")]
    assert wide.count("a very long name of a…") == 3
