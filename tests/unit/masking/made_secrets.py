"""Secrets that nobody has: their shapes are put together here, so that no file holds what looks like a key."""

import random
import string
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable

import orjson

ALNUM, HEX, UPPER = string.ascii_letters + string.digits, "0123456789abcdef", string.ascii_uppercase + string.digits


def made_secret(name: str) -> str:
    """A secret of a kind, always the same."""
    chance = random.Random(name)
    return _MAKERS[name.partition(".")[0]](chance)


def _random(signs: str, size: int, start: str = "") -> Callable[[random.Random], str]:
    def make(chance: random.Random) -> str:
        # Every real generator of that length has a digit and both cases.
        found = "".join(chance.choices(signs, k=size - 3)) + "".join(chance.choice(part) for part in _varied(signs))
        return start + found

    return make


def _varied(signs: str) -> tuple[str, str, str]:
    small, large = ("abcdef" if "a" in signs else "ABCDEF"), ("ABCDEF" if "A" in signs else "abcdef")
    return "23456789", small, large


def _base64url(text: bytes) -> str:
    return urlsafe_b64encode(text).decode().rstrip("=")


def _jwt(chance: random.Random) -> str:
    header = orjson.dumps({"alg": "HS256", "typ": "JWT"})
    claims = orjson.dumps({"sub": str(chance.randrange(10**9)), "iat": 1_790_000_000})
    return ".".join((_base64url(header), _base64url(claims), _base64url(chance.randbytes(32))))


def _pem(chance: random.Random) -> str:
    body = b64encode(chance.randbytes(300)).decode()
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    label = "PRIVATE" + " KEY"
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----"


_MAKERS: dict[str, Callable[[random.Random], str]] = {
    "openai": _random(ALNUM, 48, "sk" + "-"),
    "openaiproject": _random(ALNUM + "-_", 120, "sk" + "-proj-"),
    "anthropic": _random(ALNUM + "-_", 95, "sk" + "-ant-api03-"),
    "openrouter": _random(HEX, 64, "sk" + "-or-v1-"),
    "aws": _random(UPPER, 13, "AK" + "IA" + "XYZ"),
    "awstemporary": _random(UPPER, 13, "AS" + "IA" + "XYZ"),
    "github": _random(ALNUM, 36, "gh" + "p_"),
    "githubapp": _random(ALNUM, 36, "gh" + "s_"),
    "githubfine": _random(ALNUM + "_", 82, "github" + "_pat_"),
    "gitlab": _random(ALNUM + "_", 20, "gl" + "pat-"),
    "slackbot": _random(ALNUM, 24, "xo" + "xb-123456789012-1234567890123-"),
    "slackuser": _random(HEX, 32, "xo" + "xp-123456789012-"),
    "slackapp": _random(ALNUM + "-", 60, "xa" + "pp-1-"),
    "google": _random(ALNUM + "_-", 35, "AI" + "za"),
    "googleoauth": _random(ALNUM + "_-", 120, "ya" + "29."),
    "huggingface": _random(string.ascii_letters, 34, "h" + "f_"),
    "stripe": _random(ALNUM, 24, "sk" + "_live_"),
    "striperestricted": _random(ALNUM, 24, "rk" + "_test_"),
    "stripehook": _random(ALNUM, 32, "wh" + "sec_"),
    "sendgrid": _random(ALNUM, 43, "S" + "G." + "a1B2c3D4e5F6g7H8i9J0k1" + "."),
    "twilio": _random(HEX, 32, "A" + "C"),
    "mailgun": _random(HEX, 32, "ke" + "y-"),
    "npm": _random(ALNUM, 36, "np" + "m_"),
    "pypi": _random(ALNUM + "_-", 150, "py" + "pi-AgEIcHlwaS5vcmc"),
    "databricks": _random(HEX, 32, "da" + "pi"),
    "digitalocean": _random(HEX, 64, "do" + "p_v1_"),
    "shopify": _random(HEX, 32, "sh" + "pat_"),
    "vault": _random(ALNUM, 90, "hv" + "s."),
    "groq": _random(ALNUM, 52, "gs" + "k_"),
    "nvidia": _random(ALNUM + "_-", 64, "nv" + "api-"),
    "telegram": _random(ALNUM + "_-", 33, "1234567890" + ":AA"),
    "own": _random(ALNUM + "_-", 43, "p" + "p_"),
    "jwt": _jwt,
    "pem": _pem,
    "plain": _random(ALNUM, 32),
    "hex": _random(HEX, 40),
}
