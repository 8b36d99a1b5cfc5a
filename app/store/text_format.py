"""How a text is stored: compressed where that pays, then sealed with one of its pilot's data keys.

A stored text begins with `MARK`, which no JSON and no other text in UTF-8 begins with, so that texts that were stored as they
are by earlier versions are told apart and stay readable. Behind it: how it was packed (1 byte), the number of the data key
(2 bytes), the nonce (12 bytes), then what AES-256-GCM makes of it; the first four bytes are bound to it.
"""

import os
import threading
from base64 import b64decode, b64encode
from collections.abc import Mapping
from struct import Struct

from backports import zstd
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MARK = 0x80
AS_IT_IS, COMPRESSED = 1, 2
KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 12, 16
HEAD = Struct(">BBH")
ADDED_BYTES = HEAD.size + NONCE_BYTES + TAG_BYTES
# A shorter text gains a few bytes by compression, which are not worth the time.
SHORTEST_COMPRESSED = 200
MOST_NUMBER = 2**15 - 1
# Of a text in a column of text: no word of a judge begins with a control character, the columns take none from it.
WORDS_MARK = "\x01"

_of_thread = threading.local()


class TextDamaged(ValueError):
    """What is stored is not what was sealed under this key."""


class UnknownKey(LookupError):
    """The text was sealed with a data key that is not at hand; `number` names it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"sealed with data key {number}, which is not at hand")
        self.number = number


def is_sealed(stored: bytes) -> bool:
    """Whether a stored text is sealed; else it is as an earlier version stored it."""
    return len(stored) > 0 and stored[0] == MARK


def number_of(stored: bytes) -> int:
    """The number of the data key that a sealed text needs."""
    number: int = HEAD.unpack_from(stored)[2]
    return number


class TextCipher:
    """Seals with the newest data key of a pilot, opens with any of them."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        self._ciphers = {number: AESGCM(key) for number, key in keys.items()}
        self._newest = max(keys, default=0)

    @property
    def newest(self) -> int:
        """The number of the key that seals; 0 = there is none."""
        return self._newest

    def seal(self, plain: bytes) -> bytes:
        """What is stored of a text."""
        packed = _compressed(plain) if len(plain) >= SHORTEST_COMPRESSED else plain
        is_smaller = len(packed) < len(plain)
        head = HEAD.pack(MARK, COMPRESSED if is_smaller else AS_IT_IS, self._newest)
        nonce = os.urandom(NONCE_BYTES)
        return head + nonce + self._ciphers[self._newest].encrypt(nonce, packed if is_smaller else plain, head)

    def open(self, stored: bytes) -> bytes:
        """A text as it was given; one that was stored as it is comes back as it is.

        Raises:
            UnknownKey: It was sealed with a key that is not at hand.
            TextDamaged: It was changed, or sealed with another key of that number.
        """
        if not is_sealed(stored):
            return stored
        if len(stored) < ADDED_BYTES:
            message = "a stored text is cut off"
            raise TextDamaged(message)
        _, packing, number = HEAD.unpack_from(stored)
        cipher = self._ciphers.get(number)
        if cipher is None:
            raise UnknownKey(number)
        body = HEAD.size + NONCE_BYTES
        try:
            packed = cipher.decrypt(stored[HEAD.size : body], stored[body:], stored[: HEAD.size])
        except InvalidTag as error:
            message = "a stored text was changed, or sealed with another key"
            raise TextDamaged(message) from error
        return zstd.decompress(packed) if packing == COMPRESSED else packed

    def seal_words(self, words: str) -> str:
        """What is stored of a text in a column of text."""
        return WORDS_MARK + b64encode(self.seal(words.encode("utf-8", "surrogatepass"))).decode()

    def open_words(self, stored: str) -> str:
        """The text of such a column; raises as `open` does."""
        if not stored.startswith(WORDS_MARK):
            return stored
        message = "a stored text was changed: it has the mark of sealed words and is none"
        try:
            sealed = b64decode(stored[len(WORDS_MARK) :], validate=True)
        except ValueError as error:
            raise TextDamaged(message) from error
        if not is_sealed(sealed):
            raise TextDamaged(message)
        return self.open(sealed).decode("utf-8", "surrogatepass")


def _compressed(plain: bytes) -> bytes:
    """One compressor a thread: making one takes longer than most texts do."""
    compressor: zstd.ZstdCompressor | None = getattr(_of_thread, "compressor", None)
    if compressor is None:
        compressor = _of_thread.compressor = zstd.ZstdCompressor(level=1)
    return compressor.compress(plain, zstd.ZstdCompressor.FLUSH_FRAME)
