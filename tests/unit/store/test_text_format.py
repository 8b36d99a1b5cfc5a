"""How a text is stored: what was sealed comes back, what was not is read as it is, and nothing else is opened."""

import os
from base64 import b64encode

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.store.text_format import (
    ADDED_BYTES,
    MARK,
    WORDS_MARK,
    TextCipher,
    TextDamaged,
    UnknownKey,
    is_sealed,
    number_of,
)

KEY, OTHER = os.urandom(32), os.urandom(32)
CIPHER = TextCipher({1: KEY})
SENTENCE = b'{"messages":[{"role":"user","content":"my number is 4711"}]}'


@given(st.binary(max_size=3000) | st.text(max_size=3000).map(str.encode))
def test_every_text_comes_back(plain: bytes) -> None:
    stored = CIPHER.seal(plain)
    assert is_sealed(stored)
    assert CIPHER.open(stored) == plain
    assert len(stored) <= len(plain) + ADDED_BYTES


@given(st.text(max_size=500))
def test_words_come_back_from_a_column_of_text(words: str) -> None:
    stored = CIPHER.seal_words(words)
    assert "\x00" not in stored
    assert stored.isascii()
    assert CIPHER.open_words(stored) == words


@given(st.text(max_size=500))
def test_words_of_earlier_versions_are_read_as_they_are_unless_they_have_the_mark(words: str) -> None:
    if words.startswith(WORDS_MARK):
        with pytest.raises((TextDamaged, UnknownKey)):
            CIPHER.open_words(words)
    else:
        assert CIPHER.open_words(words) == words


@given(st.text(max_size=50) | st.binary(max_size=50).map(lambda found: b64encode(found).decode()))
def test_what_has_the_mark_and_is_not_sealed_is_damaged(rest: str) -> None:
    with pytest.raises((TextDamaged, UnknownKey)):
        CIPHER.open_words(WORDS_MARK + rest)


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), st.lists, max_leaves=5))
def test_json_of_earlier_versions_is_never_taken_for_sealed(value: object) -> None:
    body = orjson.dumps(value)
    assert not is_sealed(body)
    assert CIPHER.open(body) == body


def test_a_stored_text_shows_nothing_and_never_looks_the_same_twice() -> None:
    first, second = CIPHER.seal(SENTENCE), CIPHER.seal(SENTENCE)
    assert first[0] == MARK
    assert number_of(first) == 1
    assert b"4711" not in first
    assert first[4:] != second[4:]


@pytest.mark.parametrize("length", [0, 1, 199, 200, 5_000, 300_000])
def test_long_texts_are_compressed_and_short_ones_are_not(length: int) -> None:
    plain = (b"words that come again " * (length // 22 + 1))[:length]
    stored = CIPHER.seal(plain)
    assert CIPHER.open(stored) == plain
    assert (len(stored) < len(plain)) == (length >= 200)


def test_what_cannot_be_compressed_is_kept_as_it_is() -> None:
    noise = os.urandom(2000)
    assert len(CIPHER.seal(noise)) == len(noise) + ADDED_BYTES


@pytest.mark.parametrize("place", [1, 2, 4, 15, 20, -1])
def test_a_changed_byte_is_noticed(place: int) -> None:
    stored = bytearray(CIPHER.seal(SENTENCE))
    stored[place] ^= 1
    with pytest.raises((TextDamaged, UnknownKey)):
        CIPHER.open(bytes(stored))


def test_a_text_that_was_cut_off_is_noticed() -> None:
    stored = CIPHER.seal(SENTENCE)
    for length in (1, 4, 16, len(stored) - 1):
        with pytest.raises(TextDamaged):
            CIPHER.open(stored[:length])


def test_the_newest_key_seals_and_every_key_opens() -> None:
    both = TextCipher({1: KEY, 2: OTHER})
    old, new = CIPHER.seal(SENTENCE), both.seal(SENTENCE)
    assert number_of(new) == 2
    assert both.open(old) == both.open(new) == SENTENCE
    with pytest.raises(UnknownKey):
        CIPHER.open(new)
    with pytest.raises(TextDamaged):
        TextCipher({1: OTHER}).open(old)
