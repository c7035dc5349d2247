"""Which pages may open a push socket, and which may write while nobody has to say who he is.

A browser lets any page open a WebSocket or send a form to anywhere, and says only where the page came from. The page
has to be of CORS_ALLOWED_ORIGINS, of PUBLIC_URL, or ours: of the same host, and that one of ALLOWED_HOSTS, or else any
name that was made to point here would do. Programs that are not browsers send no origin and are let in.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host


def origin_is_allowed(*, origin: str | None, host: str) -> bool:
    """Whether what these two headers of a request say lets it in; `origin` is None where it has none."""
    if origin is None:
        return True
    stated = origin.strip().lower()
    named = {allowed.lower().rstrip("/") for allowed in (*settings.CORS_ALLOWED_ORIGINS, settings.PUBLIC_URL)}
    if stated and stated in named:
        return True
    try:
        page = urlsplit(stated)
    except ValueError:
        return False
    here = host.strip().lower()
    return bool(page.netloc) and page.netloc == here and validate_host(split_domain_port(here)[0], _hosts())


def _hosts() -> list[str]:
    """As Django itself does for HTTP."""
    if settings.DEBUG and not settings.ALLOWED_HOSTS:
        return [".localhost", "127.0.0.1", "[::1]"]
    return list(settings.ALLOWED_HOSTS)
