"""Visitors' internet addresses, of which a proof of consent keeps the network only. Catalogue: I2, I7."""

import pytest

from adapters.networks import network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0"),
        (" 203.0.113.77 ", "203.0.113.0"),
        ("2001:db8:1234:5678:9abc:def0:1234:5678", "2001:db8:1234::"),
        ("2001:db8::1", "2001:db8::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("unknown", ""),
        ("203.0.113.777", ""),
    ],
)
def test_network_names_no_visitor(address, network):
    assert network_of(address) == network
