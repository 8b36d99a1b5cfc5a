"""Which hosts data may go to, where it must stay."""

import ipaddress
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

# What cannot be reached from outside by its name: the hosts that are allowed where none is named.
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_PRIVATE_ENDINGS = (".local", ".internal", ".svc", ".svc.cluster.local", ".localhost", ".lan", ".home.arpa")


def host_of(base_url: str) -> str:
    """The host of an address, in small letters, without its port."""
    return (urlsplit(base_url).hostname or "").rstrip(".").lower()


def is_allowed(host: str, allowed: Sequence[str]) -> bool:
    """Whether a host is on the list; without a list, whether it is private.

    Args:
        host: As `host_of` gives it.
        allowed: Names, `*.` and an ending, addresses and networks (`10.0.0.0/8`).
    """
    return any(_matches(host, entry) for entry in allowed) if allowed else _is_private(host)


def allowed_host(entry: str) -> str:
    """An entry of the list; `ValueError` says what is allowed."""
    plain = entry.strip().lower().rstrip(".")
    name = plain.removeprefix("*.")
    is_name = bool(name) and all(part and part.replace("-", "").replace("_", "").isalnum() for part in name.split("."))
    if not is_name and _network(plain) is None:
        message = "must be a host such as 'judge.example.com', '*.example.com' or a network such as '10.0.0.0/8'"
        raise ValueError(message)
    return plain


def _matches(host: str, entry: str) -> bool:
    network, address = _network(entry), _address(host)
    if network is not None:
        return address is not None and address in network
    return host.endswith(entry[1:]) if entry.startswith("*.") else host == entry


def _is_private(host: str) -> bool:
    address = _address(host)
    if address is not None:
        return (address.is_private or address.is_loopback) and not address.is_link_local
    # Some resolvers read a number, in whatever base, as an address.
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        return False
    return "." not in host or host.endswith(_PRIVATE_ENDINGS)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return None
