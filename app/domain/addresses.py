"""Addresses that nothing of ours ever connects to: link-local ones and those where clouds hand out credentials."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_LINK_LOCAL = (IPv4Network("169.254.0.0/16"), IPv6Network("fe80::/10"))
_METADATA = frozenset(
    map(
        ip_address,
        (
            "100.100.100.200",  # Alibaba Cloud
            "168.63.129.16",  # Azure's host agent
            "192.0.0.192",  # Oracle Cloud
            "fd00:ec2::254",  # AWS
            "fd20:ce::254",  # Google Cloud
        ),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE = IPv6Network("::/96")


def refuse_address(ip: str) -> str | None:
    """Why nobody may connect to this resolved address, or `None` if it may be.

    Args:
        ip: An IPv4 or IPv6 address as text; a scope (`%eth0`) may follow.

    Raises:
        ValueError: It is no address.
    """
    address = ip_address(ip.partition("%")[0])
    for form in (address, *_inside(address)):
        if any(form.version == network.version and form in network for network in _LINK_LOCAL):
            return f"{ip} is link-local"
        if form in _METADATA:
            return f"{ip} is a cloud's metadata address"
    return None


def _inside(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """IPv4 addresses that an IPv6 one stands for: mapped, compatible, 6to4, NAT64."""
    if isinstance(address, IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour]
    if address in _NAT64 or address in _IPV4_COMPATIBLE:
        found.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return [inner for inner in found if inner is not None]
