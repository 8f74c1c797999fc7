"""Where outbound calls may go: public addresses over https, unless an admin opened private ones on purpose.

The name is resolved once, here, and the connection is made to the very address that was checked, so that a name that
answers differently the second time gains nothing.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

_NAT64 = ip_network("64:ff9b::/96")
_NAT64_LOCAL = ip_network("64:ff9b:1::/48")
_CGNAT = ip_network("100.64.0.0/10")
_6TO4_RELAY = ip_network("192.88.99.0/24")


class ForbiddenTarget(Exception):
    """An address that Baton does not call; the message says which and how an admin allows it."""


def is_public(address: str) -> bool:
    """Whether an IP address is one on the public internet, seen through any IPv4-in-IPv6 dress."""
    ip: IPv4Address | IPv6Address = ip_address(address.split("%", 1)[0])
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and (ip in _NAT64 or ip in _NAT64_LOCAL):
            inner = IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not (
        ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip in _CGNAT or ip in _6TO4_RELAY
    )


def resolve(host: str, port: int, allow_private: bool) -> list[tuple[Any, ...]]:
    """The addresses of a host, as :func:`socket.getaddrinfo` gives them. Raises ForbiddenTarget if one is private."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
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
