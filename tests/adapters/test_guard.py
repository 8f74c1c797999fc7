"""Where outbound calls may go: nowhere but to public addresses, checked at the socket.

Whatever a stranger or an admin enters as a base URL, webhook target or alert address, no connection may be made to this
machine, its network or its cloud's metadata.
"""

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import guard
from adapters.guard import ForbiddenTarget, connect, is_public, resolve
from adapters.http import Http

FORBIDDEN = [
    # this machine
    "127.0.0.1", "127.0.0.2", "127.1.2.3", "127.255.255.254", "0.0.0.0", "0.1.2.3", "::1", "::", "::ffff:127.0.0.1",
    "::ffff:7f00:1", "0:0:0:0:0:0:0:1",
    # its network
    "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255", "fc00::1",
    "fd00::1", "fd12:3456:789a:1::1", "fe80::1", "fe80::1%eth0", "fec0::1", "169.254.0.1", "::ffff:10.0.0.1",
    "::ffff:192.168.1.1", "100.64.0.1", "100.127.255.255",
    # metadata of clouds
    "169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254",
    "::ffff:169.254.169.254", "::ffff:a9fe:a9fe",
    # IPv4 in IPv6: NAT64, 6to4, Teredo, the old mapping
    "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "64:ff9b:1::808:808",
    "2002:7f00:1::", "2002:a00:1::", "2002:a9fe:a9fe::", "2002:c0a8:101::1", "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    "2001:0:53aa:64c:0:0:80ff:fffe", "::127.0.0.1", "::10.0.0.1",
    # nobody's, everybody's, examples
    "224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.51.100.1",
    "203.0.113.1", "198.18.0.1", "198.19.255.255", "192.0.0.1", "192.88.99.1", "2001:db8::1", "2001:2::1", "100::1",
    "3fff::1", "5f00::1", "2001:10::1",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8", "1.1.1.1", "104.16.0.1", "172.15.255.255", "172.32.0.1", "192.167.255.255", "100.63.255.255",
    "100.128.0.0", "9.255.255.255", "11.0.0.0", "169.253.255.255", "168.63.129.15", "223.255.255.255",
    "2606:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
]  # fmt: skip
# Names by which systems know 127.0.0.1, 10.0.0.1 or 169.254.169.254 as well
DISGUISED = [
    "2130706433", "0x7f000001", "017700000001", "0x7f.0.0.1", "0177.0.0.1", "127.1", "127.0.1", "0", "0x0", "10.1",
    "0xa.0.0.1", "167772161", "2852039166", "0xa9fea9fe", "169.254.43518", "0251.0376.0251.0376", "localhost",
    "LOCALHOST", "localhost.", "127.0.0.1.",
]  # fmt: skip


@pytest.fixture
def sockets(monkeypatch) -> Iterator[list[Any]]:
    """The addresses that anything tries to connect to; nothing really leaves."""
    tried: list[Any] = []

    def never(self: socket.socket, address: Any) -> None:
        tried.append(address)
        raise ConnectionRefusedError("no test leaves this machine")

    monkeypatch.setattr(socket.socket, "connect", never)
    monkeypatch.setattr(socket.socket, "connect_ex", never)
    return tried


def answers(monkeypatch, *rounds: list[str]) -> list[str]:
    """Let names have these addresses, other ones each time they are asked for."""
    asked: list[str] = []

    def fake(host: str, port: int, *args: Any, **more: Any) -> list[tuple[Any, ...]]:
        addresses = rounds[min(len(asked), len(rounds) - 1)]
        asked.append(host)
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
            if ":" in address
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", fake)
    return asked


# Addresses ------------------------------------------------------------------------------------------------------------


def test_list_is_long_enough():
    assert len(FORBIDDEN) + len(DISGUISED) >= 60
    assert len(set(FORBIDDEN)) == len(FORBIDDEN)


@pytest.mark.parametrize("address", FORBIDDEN)
def test_address_that_is_not_public_is_refused(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_allowed(address):
    assert is_public(address)


PRIVATE = [
    ip_network(one) for one in ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16")
]


@given(st.sampled_from(PRIVATE), st.data())
def test_no_dress_makes_a_private_address_public(network, data):
    address = network[data.draw(st.integers(0, network.num_addresses - 1))]
    number = int(address)
    high, low = number >> 16, number & 0xFFFF
    teredo = number ^ 0xFFFFFFFF
    for dressed in (
        str(address),
        f"::ffff:{address}",
        f"::ffff:{high:x}:{low:x}",
        f"::{address}",
        f"64:ff9b::{address}",
        f"64:ff9b:1::{address}",
        f"2002:{high:x}:{low:x}::1",
        f"2001:0:808:808:0:0:{teredo >> 16:x}:{teredo & 0xFFFF:x}",
    ):
        assert not is_public(dressed), dressed


@given(st.ip_addresses(v=4))
def test_every_other_address_agrees_with_its_dress(address):
    assert is_public(f"::ffff:{address}") is is_public(str(address)) is is_public(f"64:ff9b::{address}")
    if is_public(str(address)):
        assert IPv4Address(address).is_global


# Names and connections ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DISGUISED)
def test_disguised_address_is_never_connected_to(sockets, name):
    with pytest.raises((ForbiddenTarget, OSError)):
        connect(name, 443, 1, False)
    assert sockets == []


@pytest.mark.parametrize("address", FORBIDDEN)
def test_name_that_leads_inside_is_never_connected_to(sockets, monkeypatch, address):
    answers(monkeypatch, [address])
    with pytest.raises(ForbiddenTarget, match="not a public address"):
        connect("innocent.example.com", 443, 1, False)
    assert sockets == []


def test_name_with_one_private_address_among_public_ones_is_refused_whole(sockets, monkeypatch):
    answers(monkeypatch, ["8.8.8.8", "2606:4700::1111", "127.0.0.1"])
    with pytest.raises(ForbiddenTarget):
        connect("mixed.example.com", 443, 1, False)
    assert sockets == []


def test_name_that_answers_differently_the_second_time_gains_nothing(sockets, monkeypatch):
    asked = answers(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
    with pytest.raises(ConnectionRefusedError):
        connect("rebinding.example.com", 443, 1, False)
    assert asked == ["rebinding.example.com"], "asked once: what was checked is what is connected to"
    assert sockets == [("8.8.8.8", 443)]


def test_whole_call_asks_for_the_name_once_too(sockets, monkeypatch):
    asked = answers(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
    with pytest.raises(Exception, match="cannot be reached"):
        Http().call("GET", "https://rebinding.example.com/x", {})
    assert asked == ["rebinding.example.com"]
    assert sockets == [("8.8.8.8", 443)]


def test_all_addresses_of_a_name_are_tried_in_turn(sockets, monkeypatch):
    answers(monkeypatch, ["8.8.8.8", "2606:4700::1111"])
    with pytest.raises(ConnectionRefusedError):
        connect("dual.example.com", 443, 1, False)
    assert [address[0] for address in sockets] == ["8.8.8.8", "2606:4700::1111"]


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://127.0.0.1:22/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://api.hubapi.com@127.0.0.1/",
        "https://api.hubapi.com:443@127.0.0.1/",
        "https://user:password@10.0.0.1/",
        "https://127.0.0.1#@api.hubapi.com/",
        "https://127.0.0.1?@api.hubapi.com/",
        "https://127.0.0.1\\@api.hubapi.com/",
        "https://169.254.169.254/latest/meta-data/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://127.1/",
        "https://①②⑦.⓪.⓪.①/",
        "https://１２７.0.0.1/",
        "https://127。0。0。1/",
        "https://localhost/",
        "HTTPS://LOCALHOST/",
        "http://127.0.0.1/",
        "http://8.8.8.8/",
        "//127.0.0.1/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1:6379/_INFO",
        "unix:///var/run/docker.sock",
        "https://",
        "https://\x00/",
        "https://" + "a" * 300 + "/",
        "https://a..b/",
    ],
)
def test_address_in_any_dress_is_never_called(sockets, url):
    with pytest.raises(Exception):  # noqa: B017 - what matters is that nothing was connected to
        Http().call("GET", url, {"Authorization": "Bearer secret"})
    assert sockets == []


def test_public_answer_that_redirects_inside_is_not_followed(monkeypatch):
    """The first hop is public (as far as the guard is told), the second would not be."""
    from tests.adapters.making import Peer

    peer, inside = Peer(), Peer()
    peer.answers(b"", f"Location: {inside.url}/latest/meta-data/", status="302 Found")
    monkeypatch.setattr(guard, "is_public", lambda address: True)
    edge = Http()
    monkeypatch.setattr(edge.pool, "_allow_private", True)  # for http
    with pytest.raises(Exception, match="302"):
        edge.call("GET", peer.url, {})
    assert (len(peer.heard), len(inside.heard)) == (1, 0)
    peer.stop()
    inside.stop()


# Private targets on purpose -------------------------------------------------------------------------------------------


def test_admin_may_allow_private_targets(sockets):
    with pytest.raises(ConnectionRefusedError):
        connect("127.0.0.1", 8100, 1, True)
    assert sockets == [("127.0.0.1", 8100)]


def test_refusal_says_what_to_do(monkeypatch):
    answers(monkeypatch, ["10.0.0.7"])
    with pytest.raises(ForbiddenTarget) as refused:
        resolve("crm.internal", 443, False)
    assert str(refused.value) == (
        "crm.internal is at 10.0.0.7, which is not a public address; set BATON_ALLOW_PRIVATE_TARGETS=1 if this is meant"
    )


def test_name_without_an_address_is_an_error(monkeypatch):
    answers(monkeypatch, [])
    with pytest.raises(OSError, match="has no address"):
        connect("nowhere.example.com", 443, 1, False)
