"""What the proxies in front have seen: who asked, by which scheme, for which host.

A header can be sent by anybody, so none is believed unless TRUSTED_PROXIES says how many proxies there are. Each adds
what it has seen at the end, so what the outermost of them has seen is that many places from the end; what stands before
it is the client's own invention.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Final

_SCHEMES: Final = {"http": ("http", "ws"), "https": ("https", "wss")}


def as_client_sees_it(scope: dict[str, Any], trusted: int) -> dict[str, Any]:
    """The scope with the client's address, scheme and Host as the outermost of `trusted` proxies got them.

    What a header does not say, or not in a form that can be understood, stays as it is.
    """
    if not trusted:
        return scope
    seen: dict[str, Any] = {}
    headers = scope["headers"]
    address = _stated(headers, b"x-forwarded-for", trusted)
    if _is_address(address):
        seen["client"] = (address, 0)
    scheme = _SCHEMES.get(_stated(headers, b"x-forwarded-proto", trusted).lower())
    if scheme is not None:
        seen["scheme"] = scheme[scope["type"] == "websocket"]
    host = _stated(headers, b"x-forwarded-host", trusted)
    if host:
        others = [(name, value) for name, value in headers if name != b"host"]
        seen["headers"] = [(b"host", host.encode("latin-1")), *others]
    return {**scope, **seen}


def _stated(headers: list[tuple[bytes, bytes]], name: bytes, trusted: int) -> str:
    """What the outermost trusted proxy has added; of a shorter list, the first."""
    values = [part.strip() for key, value in headers if key == name for part in value.decode("latin-1").split(",")]
    return values[-min(trusted, len(values))] if values else ""


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
