"""Whoever is woken up finds an entry: of each alarm, of each part, of whatever a document points to."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from app.domain.health import PARTS
from app.pipeline.alert_rules import RULES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
LINK = re.compile(r"\]\(([\w./-]*)#([\w-]+)\)|`?docs/([\w-]+\.md)#([\w-]+)")


def anchors(page: Path) -> set[str]:
    """As the usual readers of Markdown make them from headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def service_alerts() -> Iterator[str]:
    rules = yaml.safe_load((ROOT / "deploy" / "monitoring" / "alerts.yml").read_text())
    yield from (rule["alert"] for group in rules["groups"] for rule in group["rules"])


@pytest.mark.parametrize("name", sorted({rule.name for rule in RULES} | set(service_alerts())))
def test_each_alarm_has_an_entry(name: str) -> None:
    assert f"alert-{name}" in anchors(DOCS / "runbook.md")


@pytest.mark.parametrize("name", PARTS)
def test_each_part_has_an_entry(name: str) -> None:
    assert f"part-{name}" in anchors(DOCS / "runbook.md")


def test_the_runbook_has_no_entry_of_an_alarm_that_there_is_not() -> None:
    entries = {name.removeprefix("alert-") for name in anchors(DOCS / "runbook.md") if name.startswith("alert-")}
    assert entries == {rule.name for rule in RULES} | set(service_alerts())


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_what_a_page_points_to_is_there(page: Path) -> None:
    text = page.read_text()
    for name in re.findall(r"`docs/([\w/-]+\.md)[`#]", text) + re.findall(r"\]\(((?!http)[\w./-]+\.md)(?:#[\w-]+)?\)", text):
        assert (DOCS / name).exists(), f"{page.name} names {name}, which does not exist"
    for near, anchor, other, its_anchor in LINK.findall(text):
        target = DOCS / (other or near or page.name)
        assert (anchor or its_anchor) in anchors(target), f"{page.name} points to {target.name}#{anchor or its_anchor}"
