"""What texts in `pilot.toml` may hold; a `ValueError` says what is allowed."""

import re
from typing import Any
from urllib.parse import urlsplit

from app.domain.bounded_patterns import bounded_pattern

MAX_TEXT = 500
MAX_PATTERN = 2000
MAX_NAME = 100
OURS = "PILOT_"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PILOT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_PLACEHOLDER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,29}")
# The kinds of what is masked without being asked for (docs/privacy.md).
PLACEHOLDERS = ("CARD", "EMAIL", "FILE", "IBAN", "IP", "KEY", "PHONE", "USER")
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_HOST = re.compile(r"\[[0-9A-Fa-f:.]+\](:\d+)?|[^\s/?#@\[\]:]+(:\d+)?")


def _refuse(message: str) -> ValueError:
    return ValueError(message)


def empty_is_none(value: Any) -> Any:
    """`""` says the same as leaving the key out."""
    return None if value == "" else value


def text(value: str) -> str:
    """One line of 1 to 500 characters."""
    if not value.strip() or len(value) > MAX_TEXT or _CONTROL.search(value):
        message = f"must be one line of 1 to {MAX_TEXT} characters"
        raise _refuse(message)
    return value


def pilot_name(value: str) -> str:
    """A name that is part of addresses."""
    if not _PILOT_NAME.fullmatch(value):
        message = "must be 1 to 63 letters, digits, '.', '_' or '-', beginning with a letter or digit: it is part of addresses"
        raise _refuse(message)
    return value


def name(value: str) -> str:
    """A name that is only shown and compared."""
    if not value or len(value) > MAX_NAME or value != value.strip() or _CONTROL.search(value):
        message = f"must be one line of 1 to {MAX_NAME} characters without spaces at its ends"
        raise _refuse(message)
    return value


def base_url(value: str) -> str:
    """An address under which `/chat/completions` is found, without the slash at its end."""
    message = "must be an address such as 'https://api.example.com/v1': http or https, a host, no user, query or fragment"
    try:
        parts = urlsplit(value)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        raise _refuse(message) from None
    whole = parts.scheme in {"http", "https"} and bool(_HOST.fullmatch(parts.netloc)) and port_is_valid
    if not whole or re.search(r"[\s?#\x00-\x1f\x7f]", value) or len(value) > MAX_TEXT:
        raise _refuse(message)
    if parts.path.rstrip("/").endswith("/chat/completions"):
        message = "must be the address before '/chat/completions', such as 'https://api.example.com/v1'"
        raise _refuse(message)
    return value.rstrip("/")


def web_address(value: str) -> str:
    """A whole address of http or https, which may have a query; no user, no spaces."""
    message = "must be an address such as 'https://hooks.example.com/pilot': http or https, a host, no user, no spaces"
    try:
        parts = urlsplit(value)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        raise _refuse(message) from None
    whole = parts.scheme in {"http", "https"} and bool(_HOST.fullmatch(parts.netloc)) and port_is_valid
    if not whole or re.search(r"[\s\x00-\x1f\x7f]", value) or len(value) > MAX_TEXT:
        raise _refuse(message)
    return value


def metrics_url(value: str) -> str:
    """The whole address of a metrics page, or "" for none."""
    try:
        return base_url(value) if value else ""
    except ValueError:
        message = "must be the address of a metrics page such as 'http://vllm:8000/metrics' (no user, query or fragment), or ''"
        raise _refuse(message) from None


def regular_expression(value: str) -> str:
    """A regular expression of Python."""
    if not value or len(value) > MAX_PATTERN or "\x00" in value:
        message = f"must be a regular expression of 1 to {MAX_PATTERN} characters"
        raise _refuse(message)
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        message = f"must be a regular expression: {error}"
        raise _refuse(message) from None
    return value


def bounded_expression(value: str) -> str:
    """A regular expression of Python that cannot take long, whatever text it is tried on."""
    if not value or len(value) > MAX_TEXT or "\x00" in value:
        message = f"must be a regular expression of 1 to {MAX_TEXT} characters"
        raise _refuse(message)
    return bounded_pattern(value)


def placeholder_name(value: str) -> str:
    """What stands in a text in place of what a pattern finds."""
    if not _PLACEHOLDER_NAME.fullmatch(value) or value.upper() in PLACEHOLDERS:
        message = f"must be 1 to 30 letters, digits and '_', beginning with a letter, and none of {', '.join(PLACEHOLDERS)}"
        raise _refuse(message)
    return value


def environment_name(value: str) -> str:
    """The name of an environment variable, or nothing. The text does not repeat the value: it may be a key."""
    if value.upper().startswith(OURS):
        message = f"must not be one of the service's own settings ({OURS}…): what it names is sent to a model's server"
        raise _refuse(message)
    if value and not _ENVIRONMENT_NAME.fullmatch(value):
        message = "must be the name of an environment variable, such as OPENAI_API_KEY, never the key itself"
        raise _refuse(message)
    return value
