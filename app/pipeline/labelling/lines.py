"""The lines of a file of labels: our own form, or an exported queue with answers filled in; JSONL or CSV."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, NotRequired

import orjson
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from app.capture.line_format import Id, Moment, PreferenceValue, Probability, ShortText
from app.capture.line_problems import MAX_PER_LINE, format_problems, json_problem, nearest, problem
from app.domain.labelling import Answer
from app.errors import InvalidInput, Problem

_FORM = ConfigDict(extra="forbid", strict=True)
_BOM = "\ufeff"
_WORDS = {"true": True, "yes": True, "x": True, "1": True, "false": False, "no": False, "0": False}
_NUMBERS = frozenset({"value", "draw_probability"})
# A spreadsheet takes a cell that begins so for a formula: an export puts an apostrophe before it.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MARKS = frozenset({"critical", "incumbent_critical", "critical_first", "critical_second"})


class LabelFormat(StrEnum):
    """How a file of labels is written."""

    JSONL = "jsonl"
    CSV = "csv"


@with_config(_FORM)
class GivenLabel(TypedDict):
    """A label in our own form: either `value` or `skipped`."""

    exchange_id: Id
    arm: ShortText
    rater: NotRequired[ShortText | None]
    value: NotRequired[PreferenceValue | None]
    skipped: NotRequired[ShortText | None]
    critical: NotRequired[bool | None]
    incumbent_critical: NotRequired[bool | None]
    reason: NotRequired[ShortText | None]
    draw_probability: NotRequired[Probability | None]
    shown_first: NotRequired[ShortText | None]
    at: NotRequired[Moment | None]


@with_config(_FORM)
class AnsweredPair(TypedDict):
    """A pair of an exported queue; without an answer it is passed over."""

    token: Annotated[str, Field(min_length=1, max_length=200)]
    answer: NotRequired[Answer | None]
    rater: NotRequired[ShortText | None]
    reason: NotRequired[Annotated[str, Field(max_length=200)] | None]
    critical_first: NotRequired[bool | None]
    critical_second: NotRequired[bool | None]
    at: NotRequired[Moment | None]


OWN: TypeAdapter[GivenLabel] = TypeAdapter(GivenLabel)
ANSWERED: TypeAdapter[AnsweredPair] = TypeAdapter(AnsweredPair)
# What an exported queue shows and nobody reads back.
SHOWN = ("queue", "day", "segment", "request", "first", "second")


@dataclass(frozen=True, slots=True)
class ReadLine:
    """One line: a label in our own form, or an answer to an exported pair."""

    number: int
    own: GivenLabel | None
    answered: AnsweredPair | None

    @property
    def rater(self) -> str | None:
        """Who answered, if the line says it."""
        if self.own is not None:
            return self.own.get("rater")
        return self.answered.get("rater") if self.answered is not None else None

    @property
    def is_unanswered(self) -> bool:
        """Whether it is a pair to which nobody wrote an answer."""
        return self.answered is not None and self.answered.get("answer") is None


def read_lines(text: bytes, form: LabelFormat) -> tuple[list[ReadLine], list[list[Problem]]]:
    """All lines that are right, and the problems of each that is not; blank lines are passed over."""
    good: list[ReadLine] = []
    bad: list[list[Problem]] = []
    for number, found in _jsonl(text) if form is LabelFormat.JSONL else _csv(text):
        line = _read(found, number) if isinstance(found, dict) else found
        if isinstance(line, ReadLine):
            good.append(line)
        else:
            bad.append(line[:MAX_PER_LINE])
    return good, bad


def _read(found: dict[str, Any], number: int) -> ReadLine | list[Problem]:
    given = {key: value for key, value in found.items() if value is not None}
    is_answer = "token" in given
    known = list((AnsweredPair if is_answer else GivenLabel).__annotations__)
    bad = list(_key_problems(given, known + list(SHOWN) if is_answer else known, number))
    if bad:
        return bad
    try:
        text = orjson.dumps({key: value for key, value in given.items() if key in known})
    except TypeError:  # what orjson reads it can write, but not so deeply nested
        return [problem(number, (), "too_deep", "the line is nested too deeply")]
    try:
        if is_answer:
            return ReadLine(number, None, ANSWERED.validate_json(text))
        line = ReadLine(number, OWN.validate_json(text), None)
    except ValidationError as error:
        return format_problems(error, number)
    said = [key for key in ("value", "skipped") if key in given]
    if len(said) == 1:
        return line
    code = "value_and_reason" if said else "no_value"
    return [problem(number, (), code, "must have either value or skipped (the reason why there is none)")]


def _key_problems(given: dict[str, Any], known: list[str], number: int) -> Iterator[Problem]:
    for key, value in given.items():
        if key not in known:
            yield problem(number, (key,), "unknown_key", f"is not known{nearest(key, known)} Known: {', '.join(known)}")
        elif isinstance(value, str) and "\0" in value:
            yield problem(number, (key,), "nul", "has a NUL character, which text cannot hold")


def _jsonl(text: bytes) -> Iterator[tuple[int, dict[str, Any] | list[Problem]]]:
    lines = text.removeprefix(_BOM.encode()).split(b"\n")
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        try:
            parsed = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            yield number, [json_problem(raw, error, number, is_end=number == len(lines))]
            continue
        yield (
            number,
            parsed if isinstance(parsed, dict) else [problem(number, (), "not_an_object", "the line must be a JSON object")],
        )


def _csv(text: bytes) -> Iterator[tuple[int, dict[str, Any] | list[Problem]]]:
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield 1, [Problem("the file must be UTF-8", line=text.count(b"\n", 0, error.start) + 1, code="invalid_utf8")]
        return
    reader = csv.reader(io.StringIO(decoded, newline=""), strict=True, delimiter=_delimiter(decoded))
    try:
        header = [name.strip() for name in next(reader, [])]
        line = reader.line_num + 1
        for row in reader:
            if any(cell.strip() for cell in row):
                yield line, _cells(header, row, line)
            line = reader.line_num + 1
    except csv.Error as error:
        yield reader.line_num, [Problem(f"this is not CSV: {error}", line=reader.line_num, code="not_csv")]


def _delimiter(text: str) -> str:
    """Spreadsheets of some countries write semicolons."""
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def _cells(header: list[str], row: list[str], line: int) -> dict[str, Any] | list[Problem]:
    if len(row) != len(header):
        return [problem(line, (), "columns", f"there are {len(row)} columns, the header has {len(header)}")]
    found: dict[str, Any] = {}
    for name, cell in zip(header, row, strict=True):
        word = cell.strip()
        word = word[1:] if word.startswith("'") and word[1:].startswith(FORMULA) else word
        if word and name in _NUMBERS:
            try:
                found[name] = float(word)
            except ValueError:
                return [problem(line, (name,), "wrong_type", "must be a number")]
        elif word and name in _MARKS:
            if word.casefold() not in _WORDS:
                return [problem(line, (name,), "wrong_type", "must be true or false")]
            found[name] = _WORDS[word.casefold()]
        elif word:
            found[name] = word if name not in SHOWN else cell
    return found


def refused(bad: list[list[Problem]], most: int = 50) -> InvalidInput:
    """The error that names every line that is wrong, as far as there is room."""
    lines = "1 line is wrong" if len(bad) == 1 else f"{len(bad)} lines are wrong"
    message = f"no labels were imported: {lines}" + (f"; the first {most} are listed" if len(bad) > most else "")
    return InvalidInput(message, tuple(each for line in bad[:most] for each in line), bad_lines=len(bad))
