"""The counters of this process, and whom a request counts for."""

from __future__ import annotations

from functools import cache
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from market.access.addresses import visitor
from market.access.limits import Limiter

READS: Final = "READS_PER_MINUTE"
WRITES: Final = "WRITES_PER_MINUTE"
LOGINS: Final = "LOGINS_PER_MINUTE"


@cache
def limiter(setting: str) -> Limiter:
    """What counts for one of the three settings."""
    return Limiter(getattr(settings, setting))


def visitor_of(request: HttpRequest | Request) -> str:
    """Whom a request counts for while its user is not known."""
    return visitor(request.META.get("REMOTE_ADDR"))


def kind_of(method: str | None) -> str:
    """Which of the settings limits requests with this method."""
    return READS if method in SAFE_METHODS else WRITES
