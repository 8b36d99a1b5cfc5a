"""The key under which tests store texts: one for the tests themselves and all processes that they start."""

from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.capture.payload_keys import PayloadKeys
from app.store.text_format import WORDS_MARK, is_sealed
from app.store.texts import Texts, texts_of

PAYLOAD_KEY = "dGVzdHMtb2YtcGFyYWxsZWwtcGlsb3Q6LW5vLWtleSE="


def known_texts() -> Texts:
    """What seals and opens texts in a test; its keys are read anew for each test."""
    return Texts(PayloadKeys(Path(), PAYLOAD_KEY))


def plain(session: Session, value: Any, pilot: str = "support-bot") -> Any:
    """What stands in a column, with the text of one that is sealed."""
    number: int = session.scalar(text("SELECT id FROM pilots WHERE name = :name"), {"name": pilot}) or 0
    if isinstance(value, bytes) and is_sealed(value):
        return texts_of(session).open(number, value)
    if isinstance(value, str) and value.startswith(WORDS_MARK):
        return texts_of(session).open_words(number, value)
    return value
