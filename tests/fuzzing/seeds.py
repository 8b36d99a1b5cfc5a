"""Real inputs that lie in files, and words that parsers know."""

from pathlib import Path

FOLDER = Path(__file__).with_name("seeds")


def seeds(name: str) -> tuple[bytes, ...]:
    """All seeds of a folder, by name."""
    return tuple(file.read_bytes() for file in sorted((FOLDER / name).iterdir()))


def words(text: str, separator: str | None = None) -> tuple[bytes, ...]:
    """The words of a text; between separators they may have spaces."""
    return tuple(word.encode() for word in text.split(separator))
