"""Passwords: what is allowed, argon2id, and the same work for a name that nobody has."""

import secrets
import unicodedata
from functools import cached_property
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from app.domain.people import folded
from app.errors import InvalidInput, Problem, TooManyAttempts

SHORTEST, LONGEST = 12, 200
# Hashing takes 64 MiB and 4 lanes each time: more at once only makes each slower, and a flood must not fill the memory.
AT_ONCE = 2
WAIT_SECONDS = 4.0
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
VERY_COMMON = frozenset(
    """
    000000000000 111111111111 123123123123 123456123456 1234567890ab 123456789012 1234567890123 12345678901234
    123456789123 1234567891011 123qweasdzxc 1q2w3e4r5t6y 1qaz2wsx3edc abc123abc123 abcd1234abcd abcdefghijkl abcdefghijklm
    administrator administrator1 adminadmin12 adminadminadmin changeme1234 changemechangeme correcthorsebatterystaple
    football1234 iloveyou1234 iloveyouiloveyou letmein12345 letmeinletmein monkey123456 p@ssw0rd1234 p@ssword1234
    parallelpilot parallel-pilot pass1234pass password1234 password12345 password123456 password1234567 passwordpassword
    princess1234 q1w2e3r4t5y6 qazwsxedcrfv qwerty123456 qwertyqwerty qwertyuiop12 qwertyuiop123 qwertyuiopasdfghjkl
    secret123456 secretsecret trustno1trustno1 welcome12345 welcomewelcome zaq12wsxcde3 zxcvbnm12345
    """.split()  # noqa: SIM905 - a list of one word a line would be sixty lines
)


class Passwords:
    """Hashes and verifies; the parameters stand in each hash.

    Args:
        time_cost: Passes over the memory.
        memory_kib: Memory of one hash.
        lanes: Threads of one hash. The defaults are those that argon2-cffi recommends (RFC 9106, section 4, second option).
    """

    def __init__(
        self,
        time_cost: int = RFC_9106_LOW_MEMORY.time_cost,
        memory_kib: int = RFC_9106_LOW_MEMORY.memory_cost,
        lanes: int = RFC_9106_LOW_MEMORY.parallelism,
    ) -> None:
        self._hasher = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=lanes)
        self._room = BoundedSemaphore(AT_ONCE)

    def hash(self, password: str) -> str:
        """What is stored of a password."""
        self._enter()
        try:
            return self._hasher.hash(_normal(password))
        finally:
            self._room.release()

    def is_right(self, password: str, stored: str | None) -> bool:
        """Whether the password is the one of a hash; with `None`, of nobody: `False` after the same work."""
        dummy = self._of_nobody
        self._enter()
        try:
            return self._hasher.verify(stored or dummy, _normal(password)[: LONGEST + 1]) and stored is not None
        except (VerificationError, InvalidHashError):
            return False
        finally:
            self._room.release()

    def is_outdated(self, stored: str) -> bool:
        """Whether a hash was made with other parameters than these."""
        return self._hasher.check_needs_rehash(stored)

    @cached_property
    def _of_nobody(self) -> str:
        return self.hash(secrets.token_urlsafe(16))

    def _enter(self) -> None:
        if not self._room.acquire(timeout=WAIT_SECONDS):
            message = "too many people sign in at this moment; try again in a few seconds"
            raise TooManyAttempts(message, retry_after_seconds=5.0)


def check_password(password: str, name: str, *, field: str = "password") -> None:
    """`InvalidInput` for a password that is too short or long, the name, or one of those that everybody tries first."""
    normal = _normal(password)
    if not SHORTEST <= len(normal) <= LONGEST:
        what = f"a password has {SHORTEST} to {LONGEST} characters; this one has {len(normal)}"
    elif _letters(normal) == _letters(name) and _letters(name):
        what = "the password must not be the name, also not with digits or signs around it"
    elif normal.casefold() in VERY_COMMON:
        what = "this password is one of the first that anybody tries; choose another one"
    else:
        return
    raise InvalidInput(what, (Problem(what, field=field, code="password"),))


def new_password() -> str:
    """A random password that can be read out: 99 bits in four groups."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(5)) for _ in range(4))


def _normal(password: str) -> str:
    """One text however a keyboard made its accents."""
    return unicodedata.normalize("NFKC", password)


def _letters(text: str) -> str:
    return "".join(letter for letter in folded(text) if letter.isalpha())
