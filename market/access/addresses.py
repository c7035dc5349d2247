"""What an address says about who can be behind it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

_NEIGHBOURHOOD: Final = (1 << 64) - 1


def is_loopback(host: str) -> bool:
    """Whether a host, as a server listens at it or as ALLOWED_HOSTS names it, is reached from this machine alone."""
    name = host.removeprefix("[").removesuffix("]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=4096)
def visitor(address: str | None) -> str:
    """Whom a limit counts for. All addresses of an IPv6 network of 64 bits are one: a single customer has them all."""
    try:
        found = ip_address(address or "")
    except ValueError:
        # A server at a UNIX socket names none.
        return "nobody's address"
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return f"{IPv6Address(int(found) & ~_NEIGHBOURHOOD)}/64"
    return str(found)
