"""Markdown of models, drawn by a small list of what is allowed: nothing of it links, loads or runs.

Paragraphs, headings, lists, quotes, code, rules, bold and italic. Links and pictures stay the text that they are, with their
address to be read; HTML is text. What is not known is shown as it was written.
"""

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

# Beyond it a text is shown as it is: nobody reads it drawn.
MOST_CHARS = 50_000
# A longer line has no marks of ours: looking for their ends takes the square of it.
LONGEST_LINE = 1_000
_FENCE = re.compile(r"\s{0,3}(```+|~~~+)[^`]*")
_HEADING = re.compile(r"\s{0,3}(#{1,6})\s+(.*)")
_BULLET = re.compile(r"\s*[-*+]\s+(.*)")
_NUMBER = re.compile(r"\s*(\d{1,9})[.)]\s+(.*)")
_QUOTE = re.compile(r"\s{0,3}>\s?(.*)")
_RULE = re.compile(r"\s{0,3}([-*_])(\s*\1){2,}\s*")
_CODE = re.compile(r"(`+)(.+?)\1(?!`)")
_STRONG = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_SOFT = re.compile(r"(?<![\w*_])([*_])(?=[^\s*_])([^*_]*?[^\s*_]|[^\s*_])\1(?![\w*_])")


def rendered(text: str) -> Markup:
    """A text as blocks; all that it says is escaped before any mark-up of ours is put around it."""
    if len(text) > MOST_CHARS:
        return Markup('<p class="said">{}</p>').format(text)
    return Markup("\n").join(_blocks(text.splitlines()))


def _blocks(lines: list[str]) -> Iterator[Markup]:
    place = 0
    while place < len(lines):
        line = lines[place]
        fence = _FENCE.fullmatch(line)
        if fence is not None:
            end = _end_of_code(lines, place + 1, fence[1])
            yield Markup('<pre class="code"><code>{}</code></pre>').format("\n".join(lines[place + 1 : end]))
            place = end + 1
            continue
        end = next((at for at in range(place, len(lines)) if _kind(lines[at]) != _kind(line)), len(lines))
        yield from _block(_kind(line), lines[place:end])
        place = end


def _end_of_code(lines: list[str], start: int, fence: str) -> int:
    return next((at for at in range(start, len(lines)) if lines[at].strip().startswith(fence)), len(lines))


def _kind(line: str) -> str:
    if not line.strip():
        return "empty"
    known = (("code", _FENCE), ("rule", _RULE), ("heading", _HEADING), ("ul", _BULLET), ("ol", _NUMBER), ("quote", _QUOTE))
    return next((name for name, pattern in known if pattern.fullmatch(line)), "text")


def _block(kind: str, lines: list[str]) -> Iterator[Markup]:
    match kind:
        case "heading":
            # No headings of the page: a reader who goes from heading to heading shall not land in a model's answer.
            yield from (Markup('<p class="heading">{}</p>').format(_inline(_heading(line))) for line in lines)
        case "ul":
            items = Markup("").join(Markup("<li>{}</li>").format(_inline(_BULLET.fullmatch(line)[1])) for line in lines)  # type: ignore[index]
            yield Markup("<ul>{}</ul>").format(items)
        case "ol":
            found = [_NUMBER.fullmatch(line) for line in lines]
            items = Markup("").join(Markup("<li>{}</li>").format(_inline(each[2])) for each in found if each is not None)
            yield Markup('<ol start="{}">{}</ol>').format(found[0][1] if found[0] is not None else 1, items)
        case "quote":
            said = [each[1] for line in lines if (each := _QUOTE.fullmatch(line)) is not None]
            yield Markup("<blockquote>{}</blockquote>").format(_lines(said))
        case "rule":
            yield Markup("<hr>")
        case "text":
            yield Markup("<p>{}</p>").format(_lines(lines))


def _heading(line: str) -> str:
    """Without the marks before and behind; by hand, for a pattern of the end takes the third power of a run of spaces."""
    return line.strip().lstrip("#").strip().rstrip("#").rstrip()


def _lines(lines: list[str]) -> Markup:
    return Markup("<br>").join(_inline(line) for line in lines)


def _inline(text: str) -> Markup:
    """Code first: nothing inside of it means anything."""
    if len(text) > LONGEST_LINE:
        return escape(text)
    parts, place = [], 0
    for code in _CODE.finditer(text):
        parts += [_marked(text[place : code.start()]), Markup('<code class="code">{}</code>').format(code[2].strip())]
        place = code.end()
    return Markup("").join([*parts, _marked(text[place:])])


def _marked(text: str) -> Markup:
    """Bold and italic around escaped text: `*` and `_` are no part of what escaping writes."""
    strong = _STRONG.sub(r"<strong>\2</strong>", str(escape(text)))
    return Markup(_SOFT.sub(r"<em>\2</em>", strong))  # noqa: S704 - escaped above; only our two elements were added
