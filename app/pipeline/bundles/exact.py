"""Values as JSON and back without a digit lost: what a value is says the type it is read as, never the file.

Decimals, times and dates are texts, numbers that JSON does not have are the texts `NaN`, `Infinity` and `-Infinity`.
"""

import math
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ValidationError

NOT_IN_JSON = ("NaN", "Infinity", "-Infinity")
_MARK = "$"
_LOOSE: dict[str, type] = {"$decimal": Decimal, "$datetime": datetime, "$date": date}


class NotExact(ValueError):
    """A value that is not of its type, or a document that does not fit it; the text names the place."""


def encode(value: Any, kind: Any, at: str = "") -> Any:
    """What JSON holds for a value of a type.

    Args:
        value: Any of the kinds below.
        kind: Its type as an annotation: a dataclass, a named tuple, a pydantic model, an enum, a sequence, a mapping, a
            plain type, `Any` for what is JSON already, or one of them or `None`.
        at: Where it stands, for messages.

    Raises:
        NotExact: If the value is not of that type.
    """
    return _coder(kind).encode(value, at)


def decode(content: Any, kind: Any, at: str = "") -> Any:
    """The value that was encoded as the same type.

    Raises:
        NotExact: If the document does not fit the type: a key too many or too few, another kind of value.
    """
    return _coder(kind).decode(content, at)


class _Coder:
    """Writes and reads one type."""

    def __init__(self, write: Callable[[Any, str], Any], read: Callable[[Any, str], Any]) -> None:
        self.encode = write
        self.decode = read


@cache
def _coder(kind: Any) -> _Coder:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _optional(kind, arguments)
    if origin is Literal:
        return _plain(str, f"one of {', '.join(arguments)}", arguments)
    if origin is tuple or (isinstance(origin, type) and issubclass(origin, Sequence)):
        return _sequence(tuple if origin is tuple else list, arguments)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(*arguments)
    if isinstance(kind, type) and (is_dataclass(kind) or hasattr(kind, "_fields")):
        return _record(kind)
    return _single(kind)


def _single(kind: Any) -> _Coder:
    if kind is Any:
        return _Coder(_write_loose, _read_loose)
    if kind is float:
        return _Coder(_write_float, _read_float)
    if kind in (bool, int, str):
        return _plain(kind, kind.__name__)
    if kind in (datetime, date, Decimal):
        return _Coder(lambda value, at: _text(value, kind, at), lambda content, at: _from_text(content, kind, at))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _Coder(lambda value, _: kind(value).value, lambda content, at: _from_text(content, kind, at))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _model(kind)
    message = f"no way to write {kind!r} exactly"
    raise TypeError(message)


def _optional(kind: Any, arguments: tuple[Any, ...]) -> _Coder:
    others = [each for each in arguments if each is not type(None)]
    if len(others) != 1 or len(others) == len(arguments):
        message = f"no way to tell apart what {kind!r} holds"
        raise TypeError(message)
    inner = _coder(others[0])
    return _Coder(
        lambda value, at: None if value is None else inner.encode(value, at),
        lambda content, at: None if content is None else inner.decode(content, at),
    )


def _plain(kind: type, name: str, allowed: tuple[Any, ...] = ()) -> _Coder:
    def same(value: Any, at: str) -> Any:
        if type(value) is not kind or (allowed and value not in allowed):
            message = f"{at}: must be {name}, is {value!r:.60}"
            raise NotExact(message)
        return value

    return _Coder(same, same)


def _write_float(value: Any, at: str) -> float | str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = f"{at}: must be a number, is {value!r:.60}"
        raise NotExact(message)
    number = float(value)
    if math.isfinite(number):
        return number
    return NOT_IN_JSON[0] if math.isnan(number) else NOT_IN_JSON[1 if number > 0 else 2]


def _read_float(content: Any, at: str) -> float:
    if content in NOT_IN_JSON and isinstance(content, str):
        return float(content)
    if isinstance(content, str):
        message = f"{at}: must be a number or one of {', '.join(NOT_IN_JSON)}, is {content!r:.60}"
        raise NotExact(message)
    return float(_write_float(content, at))


def _text(value: Any, kind: Any, at: str) -> str:
    if type(value) is not kind:
        message = f"{at}: must be {kind.__name__}, is {value!r:.60}"
        raise NotExact(message)
    return str(value) if kind is Decimal else str(value.isoformat())


def _from_text(content: Any, kind: Any, at: str) -> Any:
    read = kind.fromisoformat if kind in (datetime, date) else kind
    try:
        if isinstance(content, str):
            return read(content)
    except (ValueError, InvalidOperation):
        pass  # said below, as for what is no text
    message = f"{at}: must be {kind.__name__} as text, is {content!r:.60}"
    raise NotExact(message)


def _sequence(made: type, arguments: tuple[Any, ...]) -> _Coder:
    if made is tuple and arguments[-1] is not Ellipsis:
        return _fixed(arguments)
    inner = _coder(arguments[0])
    return _Coder(
        lambda value, at: [inner.encode(each, f"{at}[{place}]") for place, each in enumerate(value)],
        lambda content, at: made(inner.decode(each, f"{at}[{place}]") for place, each in enumerate(_listed(content, at))),
    )


def _fixed(arguments: tuple[Any, ...]) -> _Coder:
    inner = [_coder(each) for each in arguments]
    return _Coder(
        lambda value, at: [each.encode(one, at) for each, one in zip(inner, value, strict=True)],
        lambda content, at: tuple(
            each.decode(one, at) for each, one in zip(inner, _listed(content, at, len(inner)), strict=True)
        ),
    )


def _listed(content: Any, at: str, length: int | None = None) -> list[Any]:
    if not isinstance(content, list) or (length is not None and len(content) != length):
        message = f"{at}: must be a list{f' of {length}' if length is not None else ''}, is {content!r:.60}"
        raise NotExact(message)
    return content


def _mapping(key: Any, inner_kind: Any) -> _Coder:
    if key not in (str, int):
        message = f"a mapping's keys must be texts or whole numbers, not {key!r}"
        raise TypeError(message)
    inner = _coder(inner_kind)
    return _Coder(
        lambda value, at: {str(name): inner.encode(each, f"{at}.{name}") for name, each in value.items()},
        lambda content, at: {key(name): inner.decode(each, f"{at}.{name}") for name, each in _object(content, at).items()},
    )


def _object(content: Any, at: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        message = f"{at}: must be an object, is {content!r:.60}"
        raise NotExact(message)
    return content


def _record(kind: Any) -> _Coder:
    hints = get_type_hints(kind)
    names = tuple(field.name for field in fields(kind)) if is_dataclass(kind) else kind._fields
    inner = {name: _coder(hints[name]) for name in names}

    def read(content: Any, at: str) -> Any:
        given = _object(content, at)
        if given.keys() != inner.keys():
            message = (
                f"{at or kind.__name__}: its keys differ from {kind.__name__}'s by {', '.join(sorted(given.keys() ^ inner))}"
            )
            raise NotExact(message)
        return kind(**{name: coder.decode(given[name], f"{at}.{name}".lstrip(".")) for name, coder in inner.items()})

    return _Coder(
        lambda value, at: {
            name: coder.encode(getattr(value, name), f"{at}.{name}".lstrip(".")) for name, coder in inner.items()
        },
        read,
    )


def _model(kind: type[BaseModel]) -> _Coder:
    def read(content: Any, at: str) -> BaseModel:
        try:
            return kind.model_validate(content)
        except ValidationError as error:
            message = f"{at}: {error.errors()[0]['msg']} at {'.'.join(map(str, error.errors()[0]['loc']))}"
            raise NotExact(message) from error

    return _Coder(lambda value, _: value.model_dump(mode="json", by_alias=True), read)


def _write_loose(value: Any, at: str) -> Any:
    """What is JSON already, and the three kinds of texts within it that are none; an object that looks like one is marked."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return _write_float(value, at) if math.isfinite(value) else {"$float": _write_float(value, at)}
    if isinstance(value, list | tuple):
        return [_write_loose(each, f"{at}[{place}]") for place, each in enumerate(value)]
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        written = {name: _write_loose(each, f"{at}.{name}") for name, each in value.items()}
        return {"$object": written} if any(name.startswith(_MARK) for name in value) else written
    for mark, kind in _LOOSE.items():
        if type(value) is kind:
            return {mark: _text(value, kind, at)}
    message = f"{at}: no way to write {type(value).__name__} exactly"
    raise NotExact(message)


def _read_loose(content: Any, at: str) -> Any:
    if isinstance(content, list):
        return [_read_loose(each, f"{at}[{place}]") for place, each in enumerate(content)]
    if not isinstance(content, dict):
        return content
    mark = next(iter(content), "")
    if len(content) != 1 or not mark.startswith(_MARK):
        return {name: _read_loose(each, f"{at}.{name}") for name, each in content.items()}
    inner = content[mark]
    if mark == "$object":
        return {name: _read_loose(each, f"{at}.{name}") for name, each in _object(inner, at).items()}
    if mark == "$float":
        return _read_float(inner, at)
    if mark not in _LOOSE:
        message = f"{at}: {mark} is no mark of this format"
        raise NotExact(message)
    return _from_text(inner, _LOOSE[mark], at)
