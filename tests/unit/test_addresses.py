"""Which resolved addresses are never connected to."""

import pytest

from app.domain.addresses import refuse_address


@pytest.mark.parametrize(
    "ip",
    [
        "169.254.169.254", "169.254.0.1", "169.254.255.255", "fe80::1", "fe80::1%eth0", "febf::1",
        "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254",
        "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::ffff:100.100.100.200", "::169.254.169.254",
        "2002:a9fe:a9fe::1", "64:ff9b::169.254.169.254", "FD00:EC2:0:0::254",
    ],
)  # fmt: skip
def test_link_local_and_metadata_addresses_are_refused_in_every_form(ip: str) -> None:
    reason = refuse_address(ip)
    assert reason is not None
    assert ip in reason


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1", "::1", "10.0.0.5", "192.168.1.20", "172.16.0.1", "100.100.100.201", "169.253.255.255", "169.255.0.0",
        "8.8.8.8", "fec0::1", "fd00:ec2::253", "2001:db8::1", "::ffff:10.0.0.5", "64:ff9b::8.8.8.8", "2002:0a00:0005::1",
    ],
)  # fmt: skip
def test_private_and_public_addresses_are_called(ip: str) -> None:
    assert refuse_address(ip) is None


@pytest.mark.parametrize("text", ["", "localhost", "169.254.169", "1.2.3.4:80"])
def test_what_is_no_address_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        refuse_address(text)
