"""What the fonts of PDF and slides can show, and how wide a text is in them."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FONTS = Path(__file__).with_name("fonts")
FAMILY = "Liberation Sans"
UNKNOWN_LETTER = "▯"
# Of the font that comes with the typesetter and stands in where ours has nothing: arrows, signs, Arabic.
STAND_IN = (
    (0x0621, 0x063A), (0x0640, 0x0655), (0x0660, 0x066D), (0x2190, 0x2201), (0x2203, 0x2205), (0x2207, 0x220E),
    (0x2224, 0x222D), (0x2234, 0x223D), (0x2241, 0x225F), (0x25A2, 0x25CF), (0x2600, 0x262F), (0x2701, 0x2704),
    (0x2706, 0x2709), (0x270C, 0x2727), (0x2729, 0x274B), (0x2756, 0x2756), (0x2794, 0x2794), (0x2798, 0x27AF),
    (0xFFFD, 0xFFFD),
)  # fmt: skip
# Control characters, and signs that would turn the direction of what follows them.
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufe00-\ufe0f\u200d\ufff0-\uffff\ud800-\udfff]"
)
_WORDS = re.compile(r"\S+")
BREAK = "\u200b"


@dataclass(frozen=True, slots=True)
class Letters:
    """One font: the advance of each letter, in thousandths of its size."""

    widths: dict[int, float]

    @classmethod
    def read(cls, path: Path) -> "Letters":
        """From a TrueType file."""
        data = path.read_bytes()
        tables = dict(_tables(data))
        (units,) = struct.unpack(">H", data[tables["head"] + 18 : tables["head"] + 20])
        (many,) = struct.unpack(">H", data[tables["hhea"] + 34 : tables["hhea"] + 36])
        starts = range(tables["hmtx"], tables["hmtx"] + 4 * many, 4)
        advances = [1000 * struct.unpack(">H", data[at : at + 2])[0] / units for at in starts]
        glyphs = dict(_glyphs(data, tables["cmap"]))
        return cls({letter: advances[min(glyph, many - 1)] for letter, glyph in glyphs.items() if glyph})

    def width(self, text: str, size: float) -> float:
        """Of the text on one line, in the size's unit; a letter that the font lacks counts as a wide one."""
        return sum(self.widths.get(ord(letter), 900.0) for letter in text if letter != BREAK) * size / 1000


@cache
def letters(*, bold: bool = False) -> Letters:
    """The font of PDF and slides."""
    return Letters.read(FONTS / f"LiberationSans-{'Bold' if bold else 'Regular'}.ttf")


def shown(text: str) -> str:
    """The text in letters that there are; every other one becomes a box, and what cannot be seen goes."""
    return "".join(letter if _is_there(ord(letter)) else UNKNOWN_LETTER for letter in UNSEEN.sub("", text))


def breakable(text: str, longest: int = 16) -> str:
    """Words longer than that may break within, where a column has no room for them."""
    piece = max(4, longest * 3 // 4)
    return _WORDS.sub(lambda found: found[0] if len(found[0]) <= longest else _in_pieces(found[0], piece), text)


def _in_pieces(word: str, length: int) -> str:
    return BREAK.join(word[at : at + length] for at in range(0, len(word), length))


@cache
def _is_there(letter: int) -> bool:
    return letter in (0x09, 0x0A, 0x200B) or letter in letters().widths or any(a <= letter <= z for a, z in STAND_IN)


def _tables(data: bytes) -> Iterator[tuple[str, int]]:
    (number,) = struct.unpack(">H", data[4:6])
    for place in range(number):
        tag, _, offset, _ = struct.unpack(">4sIII", data[12 + 16 * place : 28 + 16 * place])
        yield tag.decode("ascii"), offset


def _glyphs(data: bytes, table: int) -> Iterator[tuple[int, int]]:
    """Letters and their glyphs, from the segments of the Unicode map of the basic plane (format 4)."""
    (number,) = struct.unpack(">H", data[table + 2 : table + 4])
    for place in range(number):
        _, _, offset = struct.unpack(">HHI", data[table + 4 + 8 * place : table + 12 + 8 * place])
        at = table + offset
        if struct.unpack(">H", data[at : at + 2])[0] == 4:  # noqa: PLR2004 - the format's number
            yield from _segments(data, at)
            return


def _segments(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    (twice,) = struct.unpack(">H", data[at + 6 : at + 8])
    ends, starts, deltas, ranges = (
        struct.unpack(f">{twice // 2}H", data[at + skip : at + skip + twice])
        for skip in (14, 16 + twice, 16 + 2 * twice, 16 + 3 * twice)
    )
    first_range = at + 16 + 3 * twice
    for place, (start, end, delta, offset) in enumerate(zip(starts, ends, deltas, ranges, strict=True)):
        for letter in range(start, min(end, 0xFFFE) + 1):
            if not offset:
                yield letter, (letter + delta) & 0xFFFF
                continue
            where = first_range + 2 * place + offset + 2 * (letter - start)
            (glyph,) = struct.unpack(">H", data[where : where + 2])
            yield letter, (glyph + delta) & 0xFFFF if glyph else 0
