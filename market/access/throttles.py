"""How often somebody may ask: by user once one is known, by address before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from market.access.authentication import user_of
from market.access.counters import kind_of, limiter, visitor_of

if TYPE_CHECKING:
    # The framework's views import this module in turn: its settings name it.
    from rest_framework.views import APIView


class Limits(BaseThrottle):
    """READS_PER_MINUTE and WRITES_PER_MINUTE, for every view of the REST framework that does not choose otherwise."""

    _seconds = 0.0

    def allow_request(self, request: Request, view: APIView) -> bool:
        user = user_of(request)
        asker = visitor_of(request) if user is None else f"user {user.pk}"
        self._seconds = limiter(kind_of(request.method)).ask(asker)
        return not self._seconds

    def wait(self) -> float:
        return self._seconds
