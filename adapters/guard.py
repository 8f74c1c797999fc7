"""Where outbound calls may go: public addresses over https, unless an admin opened private ones on purpose.

The name is resolved once, here, and the connection is made to the very address that was checked, so that a name that
answers differently the second time gains nothing.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

_NAT64 = ip_network("64:ff9b::/96")
# Beside what ``ipaddress`` (in all supported versions of Python) calls private, reserved, link-local or multicast
_FORBIDDEN = tuple(
    map(
        ip_network,
        (
            "100.64.0.0/10",  # carrier-grade NAT, and some clouds' metadata
            "168.63.129.16/32",  # Azure's host, though its address looks public
            "192.0.0.0/24",  # protocol assignments: answered by the nearest router
            "192.88.99.0/24",  # 6to4 relays
            "64:ff9b:1::/48",  # NAT64 of a local network, where the IPv4 address may stand anywhere
            "2001::/23",  # protocol assignments; Teredo is looked into before
            "3fff::/20",  # documentation
            "5f00::/16",  # segment routing
            "fec0::/10",  # site-local, as it once was
        ),
    )
)


class ForbiddenTarget(Exception):
    """An address that Baton does not call; the message says which and how an admin allows it."""


def is_public(address: str) -> bool:
    """Whether an IP address is one on the public internet, seen through any IPv4-in-IPv6 dress."""
    ip: IPv4Address | IPv6Address = ip_address(address.split("%", 1)[0])
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not (
        ip.is_multicast or ip.is_reserved or ip.is_unspecified or any(ip in network for network in _FORBIDDEN)
    )


def resolve(host: str, port: int, allow_private: bool) -> list[tuple[Any, ...]]:
    """The addresses of a host, as :func:`socket.getaddrinfo` gives them. Raises ForbiddenTarget if one is private."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OSError(f"{host[:80]} is not a host name") from None
    if not allow_private:
        for *_, address in found:
            if not is_public(str(address[0])):
                raise ForbiddenTarget(
                    f"{host} is at {address[0]}, which is not a public address; "
                    "set BATON_ALLOW_PRIVATE_TARGETS=1 if this is meant"
                )
    return found


def connect(host: str, port: int, timeout: float | None, allow_private: bool, options: Any = ()) -> socket.socket:
    """A TCP connection to a host whose addresses were checked."""
    last: OSError | None = None
    for family, kind, protocol, _, address in resolve(host, port, allow_private):
        sock = socket.socket(family, kind, protocol)
        try:
            for option in options or ():
                sock.setsockopt(*option)
            sock.settimeout(timeout)
            sock.connect(address)
            return sock
        except OSError as error:
            sock.close()
            last = error
    raise last or OSError(f"{host} has no address")
