"""Internet addresses as far as a proof of consent needs them: which network, not which visitor."""

from ipaddress import ip_address, ip_network

KEPT_BITS = {4: 24, 6: 48}  # a provider gives a household up to a whole /48, and so no finer one is kept


def network_of(address: str) -> str:
    """The network that an address lies in, written as its first address; empty for what is no address."""
    try:
        found = ip_address(address.strip().partition("%")[0])
    except ValueError:
        return ""
    found = getattr(found, "ipv4_mapped", None) or found
    return str(ip_network((found, KEPT_BITS[found.version]), strict=False).network_address)
