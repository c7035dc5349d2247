"""Which pages may open a push socket.

A browser lets any page open a WebSocket to anywhere and says only where the page came from. The page has to be of
CORS_ALLOWED_ORIGINS or ours: of the same host, and that one of ALLOWED_HOSTS, or else any name that was made to point
here would do. Programs that are not browsers send no origin and are let in.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host


def origin_is_allowed(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a handshake with these headers may be accepted."""
    values = {name.lower(): value.decode("latin-1").strip().lower() for name, value in headers}
    origin = values.get(b"origin")
    if origin is None:
        return True
    if origin in {allowed.lower().rstrip("/") for allowed in settings.CORS_ALLOWED_ORIGINS}:
        return True
    try:
        page = urlsplit(origin)
    except ValueError:
        return False
    host = values.get(b"host", "")
    return bool(page.netloc) and page.netloc == host and validate_host(split_domain_port(host)[0], _hosts())


def _hosts() -> list[str]:
    """As Django itself does for HTTP."""
    if settings.DEBUG and not settings.ALLOWED_HOSTS:
        return [".localhost", "127.0.0.1", "[::1]"]
    return list(settings.ALLOWED_HOSTS)
