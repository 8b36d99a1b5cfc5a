"""What cookies and forms carry, signed under a secret derived from the server's pepper.

The session of an API key is a signed reference to it, never the key itself: each request looks the key up again, so that
a revoked key ends its sessions. The session of a person is a random token, of which the store has a digest.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import Any

from app.domain.people import folded

LIFETIME_SECONDS = 12 * 3600
KNOWN_SECONDS = 180 * 24 * 3600
PARTS = 2


@dataclass(frozen=True, slots=True)
class PageSession:
    """Who is signed in, and the number from which its forms' tokens are made."""

    name: str
    until: int
    nonce: str


class Signer:
    """Signs and reads cookies and form tokens under a secret of their own, derived from the server's pepper."""

    def __init__(self, pepper: str) -> None:
        self._secret = hmac.digest(pepper.encode(), b"pages", hashlib.sha256)
        # Cookies are not kept apart by port: two stacks on one machine must not overwrite each other's.
        place = self._digest("cookie-name")[:8]
        self.session_cookie = f"pilot_session_{place}"
        self.person_cookie = f"pilot_person_{place}"
        self.known_cookie = f"pilot_known_{place}"
        self.form_cookie = f"pilot_form_{place}"

    def new_session(self, key_name: str, now: float) -> PageSession:
        """A session of an API key that begins now."""
        return PageSession(key_name, int(now) + LIFETIME_SECONDS, secrets.token_urlsafe(16))

    def write(self, session: PageSession) -> str:
        """The cookie's text."""
        return self._write("session", [session.name, session.until, session.nonce])

    def read(self, cookie: str | None, now: float) -> PageSession | None:
        """The session of a cookie; `None` if it is missing, altered or over."""
        found = self._read("session", cookie)
        return PageSession(*found) if found is not None and found[1] > now else None

    def person_session(self, name: str, until: float, token: str) -> PageSession:
        """What a person's session is for the pages; forms are bound to its token without showing it."""
        return PageSession(name, int(until), self._digest("person", token))

    def write_known(self, name: str, now: float) -> str:
        """A cookie that says: in this browser that name was signed in before. It opens nothing."""
        return self._write("known", [self._digest("name", folded(name)), int(now) + KNOWN_SECONDS, secrets.token_urlsafe(16)])

    def known_browser(self, cookie: str | None, name: str, now: float) -> str | None:
        """The number of a browser in which that name was signed in before."""
        found = self._read("known", cookie)
        if found is None or found[1] <= now or not self._is(str(found[0]), "name", folded(name)):
            return None
        return str(found[2])

    def form_token(self, nonce: str) -> str:
        """What a form must carry to be taken for one of ours."""
        return self._digest("form", nonce)

    def is_form_token(self, token: str, nonce: str) -> bool:
        """Whether the token was made for that session or visitor."""
        return bool(nonce) and self._is(token, "form", nonce)

    def _write(self, purpose: str, content: list[Any]) -> str:
        text = base64.urlsafe_b64encode(json.dumps(content, ensure_ascii=True).encode()).decode()
        return f"{text}.{self._digest(purpose, text)}"

    def _read(self, purpose: str, cookie: str | None) -> list[Any] | None:
        parts = (cookie or "").split(".")
        if len(parts) != PARTS or not self._is(parts[1], purpose, parts[0]):
            return None
        try:
            found: list[Any] = json.loads(base64.urlsafe_b64decode(parts[0]))
        except (ValueError, binascii.Error):
            return None
        return found

    def _digest(self, purpose: str, text: str = "") -> str:
        given = f"{purpose}:{text}".encode("utf-8", "surrogateescape")
        return hmac.digest(self._secret, given, hashlib.sha256).hex()

    def _is(self, given: str, purpose: str, text: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._digest(purpose, text).encode())
