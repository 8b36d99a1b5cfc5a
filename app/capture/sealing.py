"""Seals what passes through Redis where the content level is not `full`, with a key that Redis does not hold."""

import hashlib
import hmac
import os
import secrets
from base64 import b64decode, b64encode
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.capture.key_files import made_once

KEY_BYTES = 32
NONCE_BYTES = 12
FILE_NAME = "stream.key"


class SealError(ValueError):
    """Sealed with another key, or damaged."""


class Sealer:
    """AES-256-GCM with a fresh nonce for each event."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, associated: bytes) -> bytes:
        """Nonce and sealed bytes; `associated` stays in the clear and is bound to them."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, associated)

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        """What was sealed; `SealError` if it was not sealed with this key and these associated bytes."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
        except (InvalidTag, ValueError) as error:
            message = "sealed with another key, or damaged"
            raise SealError(message) from error


def load_sealer(home: Path, given: str | None) -> Sealer:
    """The sealer of this installation, as `load_key` says."""
    return Sealer(load_key(home, given))


def digest_key(key: bytes) -> bytes:
    """The key of digests that stand for text: not the one that seals, but told by it, so that all processes agree."""
    return hmac.new(key, b"parallel-pilot digests", hashlib.sha256).digest()


def load_digest_key(home: Path, given: str | None) -> bytes:
    """The key of digests of this installation; arguments as of `load_key`."""
    return digest_key(load_key(home, given))


def load_key(home: Path, given: str | None) -> bytes:
    """The key of this installation: of the setting, else of the file in `PILOT_HOME`, made at first use with mode 600.

    Args:
        home: `PILOT_HOME`.
        given: `PILOT_STREAM_KEY`, base64 of 32 bytes; needed where processes do not share a home.

    Raises:
        ValueError: The key is not base64 of 32 bytes.
    """
    text = given if given is not None else made_once(home / FILE_NAME, _new_key)
    try:
        key = b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        where = "PILOT_STREAM_KEY" if given is not None else str(home / FILE_NAME)
        message = f"{where} is not a key: base64 of {KEY_BYTES} bytes is needed, e.g. from `openssl rand -base64 32`"
        raise ValueError(message)
    return key


def _new_key() -> str:
    return b64encode(secrets.token_bytes(KEY_BYTES)).decode()
