"""Sign-in by cookie: a signed reference to an API key, never the key itself.

The cookie names the key and says until when; each request looks the key up again, so that a revoked key ends its sessions.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass

LIFETIME_SECONDS = 12 * 3600
PARTS = 2


@dataclass(frozen=True, slots=True)
class PageSession:
    """Who is signed in, and the number from which its forms' tokens are made."""

    key_name: str
    until: int
    nonce: str


class Signer:
    """Signs and reads cookies and form tokens under a secret of their own, derived from the server's pepper."""

    def __init__(self, pepper: str) -> None:
        self._secret = hmac.digest(pepper.encode(), b"pages", hashlib.sha256)
        # Cookies are not kept apart by port: two stacks on one machine must not overwrite each other's.
        place = self._digest("cookie-name")[:8]
        self.session_cookie = f"pilot_session_{place}"
        self.form_cookie = f"pilot_form_{place}"

    def new_session(self, key_name: str, now: float) -> PageSession:
        """A session that begins now."""
        return PageSession(key_name, int(now) + LIFETIME_SECONDS, secrets.token_urlsafe(16))

    def write(self, session: PageSession) -> str:
        """The cookie's text."""
        plain = json.dumps([session.key_name, session.until, session.nonce], ensure_ascii=True).encode()
        text = base64.urlsafe_b64encode(plain).decode()
        return f"{text}.{self._digest('session', text)}"

    def read(self, cookie: str | None, now: float) -> PageSession | None:
        """The session of a cookie; `None` if it is missing, altered or over."""
        parts = (cookie or "").split(".")
        if len(parts) != PARTS or not self._is(parts[1], "session", parts[0]):
            return None
        try:
            name, until, nonce = json.loads(base64.urlsafe_b64decode(parts[0]))
        except (ValueError, binascii.Error):
            return None
        return PageSession(name, until, nonce) if until > now else None

    def form_token(self, nonce: str) -> str:
        """What a form must carry to be taken for one of ours."""
        return self._digest("form", nonce)

    def is_form_token(self, token: str, nonce: str) -> bool:
        """Whether the token was made for that session or visitor."""
        return bool(nonce) and self._is(token, "form", nonce)

    def _digest(self, purpose: str, text: str = "") -> str:
        return hmac.digest(self._secret, f"{purpose}:{text}".encode(), hashlib.sha256).hex()

    def _is(self, given: str, purpose: str, text: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._digest(purpose, text).encode())
