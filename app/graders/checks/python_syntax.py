"""Check `python_syntax`: Python in a fenced block that does not parse. It is parsed, never executed.

The parser is that of the Python that runs the service, which is therefore part of the version: a newer grammar knows more.
"""

import ast
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from textwrap import dedent

from app.domain.exchange import Json, Reply

NAME, VERSION = "python_syntax", f"1-{sys.version_info.major}.{sys.version_info.minor}"
# Only so much of a reply is looked at, and blocks that go on after it are left out.
MAX_CHARS = 20_000
_FENCE = re.compile(r"^[ \t]{0,12}(`{3,9}|~{3,9})[ \t]*([^\s`]{0,20})[^\n`]{0,200}$")
_PYTHON = frozenset({"python", "py", "python3"})
# Lines of notebooks that are no Python: shell commands and magics.
_NOTEBOOK = re.compile(r"^([ \t]{0,40})[%!].{0,2000}$", re.MULTILINE)
_SESSION = re.compile(r"^[ \t]{0,40}(>>>|In \[)", re.MULTILINE)
_parsing = threading.Lock()


def applies(request: Json, reply: Reply) -> bool:  # noqa: ARG001 - every check is asked the same way
    """Where the reply has a whole block that says it is Python."""
    return next(_blocks(reply.content or ""), None) is not None


def find(request: Json, reply: Reply) -> str | None:  # noqa: ARG001
    """The first block that does not parse."""
    for number, block in enumerate(_blocks(reply.content or ""), start=1):
        problem = _problem(block)
        if problem is not None:
            return f"block {number}: {problem}"
    return None


def _blocks(content: str) -> Iterator[str]:
    """The closed blocks of Python; transcripts of a session at the prompt are no programs."""
    fence, is_python = "", False
    lines: list[str] = []
    for line in content[:MAX_CHARS].splitlines() if "```" in content or "~~~" in content else ():
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not mark[2]:
                block = "\n".join(lines)
                if is_python and block.strip() and not _SESSION.search(block):
                    yield block
                fence = ""
            else:
                lines.append(line)
        elif mark:
            fence, lines, is_python = mark[1], [], mark[2].lower() in _PYTHON


def _problem(block: str) -> str | None:
    source = dedent(_NOTEBOOK.sub(r"\1pass", block))
    try:
        with _parsing, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (RecursionError, MemoryError):
        return None  # too deep for the parser, which says nothing of the program
    except ValueError as error:
        return str(error)
    return None
