"""Which integration tests send no SQL that another does not send: the run on another PostgreSQL leaves them out.

`.venv/bin/python -m pytest -p tests.e2e.distinct_sql -m "not slow" tests/integration` (or some of its files) renews the list
for the tests that ran. A test that is not in the list is always run there: a new one, and one with a new name.
"""

import re
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

# Other processes than pytest's send SQL here, or psycopg does without SQLAlchemy: they are never left out.
UNSEEN = re.compile(r"_process|_killed|_workers|binary_rows|import_order|whole_pilots")
LEFT_OUT = Path(__file__).with_suffix(".txt")
SENT: dict[str, set[str]] = defaultdict(set)
_current: list[str] = []


def pytest_configure() -> None:
    event.listen(Engine, "before_cursor_execute", _note)


def _note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    if _current:
        SENT[_current[-1]].add(shape_of(statement))


def shape_of(statement: str) -> str:
    """A statement without its values: any number of rows is one shape."""
    shape = re.sub(r"%\(\w+?\)s(::\w+)?", "?", statement)
    shape = re.sub(r"\(\?(, \?)*\)(, \(\?(, \?)*\))*", "(?)", shape)
    return re.sub(r"\d+", "0", re.sub(r"'[^']*'", "''", shape))


def left_out() -> list[str]:
    return LEFT_OUT.read_text().splitlines()


def needless(sent: dict[str, set[str]]) -> set[str]:
    """All but a few tests that together send every shape: each time the one that adds most."""
    missing, rest = set().union(*sent.values()), set(sent)
    while missing:
        best = max(sorted(rest), key=lambda name: len(sent[name] & missing))
        rest.remove(best)
        missing -= sent[best]
    return {name for name in rest if not UNSEEN.search(name)}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    _current[:] = [item.nodeid]
    SENT[item.nodeid] = set()
    result = yield
    _current.clear()
    return result


def pytest_sessionfinish(exitstatus: int) -> None:
    if exitstatus == pytest.ExitCode.OK:
        names = sorted((set(left_out()) - set(SENT)) | needless(SENT))
        LEFT_OUT.write_text("".join(f"{name}\n" for name in names))
