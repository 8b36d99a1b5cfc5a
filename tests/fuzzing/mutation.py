"""Mutations of real inputs: of bytes, of lines, and of JSON inside of them; reproducible by the generator's seed."""

import json
from collections.abc import Sequence
from random import Random
from typing import Any

ODD_BYTES = (
    b"\0", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"\r", b"\n", b"\r\n", b"\n\n", b'"',
    b"\\",
    b"{", b"}", b"[", b"]", b":", b",", b" ", b"-", b"0", b"9" * 30, b"1e999", b"NaN", b"null", b"\\u0000", b"\\ud800",
    b"data:", b"data: [DONE]\n\n", b"\xe2\x80\xa8", b"=", b"#", b"'", b"@",
    b"+49", b"</think>", b"<think>", b"```",
    b"%00", b"..", b"/",
)  # fmt: skip
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, 2**64, -(2**63), 10**30, 0.5, -0.0, 1e308, "", " ", "x", "\0", "a\0b",
    "\ud800", "\U0001f600", "é", "x" * 600, "2026-11-02T10:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00",
    "NaN", "1e999", "-1", "[]", "{}", [], {}, [None], [[]], {"": None}, [1, "x", {}], {"a": {"b": []}}, "first", "incumbent",
)  # fmt: skip
DEEP = 300
LONGEST_BYTES = 8192
# How often JSON is looked for in an input, and how often a mutation follows another.
JSON_SHARE, AGAIN_SHARE = 0.55, 0.45


class Mutator:
    """Makes inputs from seeds.

    Args:
        seeds: Real inputs.
        words: What the parser knows: keys, marks, names.
    """

    def __init__(self, seeds: Sequence[bytes], words: Sequence[bytes] = ()) -> None:
        self._seeds = [seed[:LONGEST_BYTES] for seed in seeds]
        self._words = (*ODD_BYTES, *words)
        self._names = [word.decode("utf-8", "replace") for word in words] or ["x"]

    def make(self, random: Random) -> bytes:
        """One input; a few are seeds as they are."""
        data = random.choice(self._seeds)
        while True:
            data = self._step(data, random)
            if random.random() > AGAIN_SHARE:
                return data[: LONGEST_BYTES * 2]

    def _step(self, data: bytes, random: Random) -> bytes:
        if random.random() < JSON_SHARE:
            changed = self._json_line(data, random)
            if changed is not None:
                return changed
        return random.choice((self._insert, self._replace, self._delete, self._repeat, self._splice, self._lines, self._flip))(
            data, random
        )

    def _json_line(self, data: bytes, random: Random) -> bytes | None:
        """One line that holds JSON, or all of it, with a value changed."""
        lines = data.split(b"\n")
        place = random.randrange(len(lines))
        begin = min((at for mark in (b"{", b"[") if (at := lines[place].find(mark)) >= 0), default=-1)
        if begin < 0:
            return None
        try:
            document = json.loads(lines[place][begin:])
        except (ValueError, RecursionError):
            return None
        changed = self._value(document, random)
        text = json.dumps(changed, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
        lines[place] = lines[place][:begin] + text
        return b"\n".join(lines)

    def _value(self, value: Any, random: Random) -> Any:
        """The value with one place inside of it changed."""
        if isinstance(value, dict) and value and random.random() < 0.85:
            return self._dict(value, random)
        if isinstance(value, list) and value and random.random() < 0.85:
            place = random.randrange(len(value))
            kind = random.random()
            if kind < 0.1:
                return value[:place] + value[place + 1 :]
            if kind < 0.2:
                return [*value, value[place]]
            return [*value[:place], self._value(value[place], random), *value[place + 1 :]]
        return self._odd(value, random)

    def _dict(self, value: dict[str, Any], random: Random) -> dict[str, Any]:
        key = random.choice(list(value))
        kind = random.random()
        if kind < 0.08:
            return {name: inner for name, inner in value.items() if name != key}
        if kind < 0.14:
            return {**value, random.choice(self._names): random.choice(ODD_VALUES)}
        if kind < 0.18:
            return {(random.choice(self._names) if name == key else name): inner for name, inner in value.items()}
        return {**value, key: self._value(value[key], random)}

    def _odd(self, value: Any, random: Random) -> Any:
        kind = random.random()
        if kind < 0.02:
            for _ in range(random.choice((5, 60, DEEP))):
                value = {"a": value} if random.random() < 0.5 else [value]
            return value
        if kind < 0.2:
            return random.choice(self._names)
        if kind < 0.3 and isinstance(value, str):
            return value + random.choice(("\0", "\ud800", " ", "x" * 300, "</think>", "é"))
        return random.choice(ODD_VALUES)

    def _insert(self, data: bytes, random: Random) -> bytes:
        at = random.randrange(len(data) + 1)
        return data[:at] + random.choice(self._words) + data[at:]

    def _replace(self, data: bytes, random: Random) -> bytes:
        at = random.randrange(len(data) + 1)
        return data[:at] + random.choice(self._words) + data[at + random.randrange(1, 12) :]

    def _delete(self, data: bytes, random: Random) -> bytes:
        at = random.randrange(len(data) + 1)
        return data[:at] + data[at + random.choice((1, 2, 5, 40)) :]

    def _repeat(self, data: bytes, random: Random) -> bytes:
        at = random.randrange(len(data) + 1)
        return data[:at] + data[at : at + random.choice((1, 4, 30))] * random.choice((2, 3, 40)) + data[at:]

    def _splice(self, data: bytes, random: Random) -> bytes:
        other = random.choice(self._seeds)
        return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]

    def _lines(self, data: bytes, random: Random) -> bytes:
        lines = data.split(b"\n")
        one, other = random.randrange(len(lines)), random.randrange(len(lines))
        lines[one], lines[other] = lines[other], random.choice((lines[one], b"", lines[one] + b"\r"))
        return b"\n".join(lines)

    def _flip(self, data: bytes, random: Random) -> bytes:
        if not data:
            return data
        changed = bytearray(data)
        changed[random.randrange(len(changed))] = random.randrange(256)
        return bytes(changed)


def cuts(data: bytes, random: Random) -> list[bytes]:
    """The same bytes in pieces, as sockets bring them."""
    kind = random.random()
    if kind < 0.15:
        return [data[at : at + 1] for at in range(len(data))]
    places = sorted(random.randrange(len(data) + 1) for _ in range(random.randrange(6)))
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
