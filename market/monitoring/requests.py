"""Counting HTTP requests by the address they matched, never by the address they asked for: anybody can invent those."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import Counter, Histogram, disable_created_metrics

from market.domain.delays import BOUNDS

# A second series beside each, with the moment of its first count: nothing that anybody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]

REQUESTS: Final = Counter(
    "kline_http_requests", "HTTP requests by method, route and status.", ["method", "route", "status"], registry=None
)
SECONDS: Final = Histogram(
    "kline_http_request_seconds",
    "Time that requests took, without waiting for a thread, by method and route.",
    ["method", "route"],
    buckets=BOUNDS,
    registry=None,
)
SHORT: Final = Counter(
    "kline_http_short_way",
    "Reads of candles that the event loop has answered without a thread, or given up to one after a failure.",
    ["result"],
    registry=None,
)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class CountRequests:
    """The outermost middleware: it sees what every other one answers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        begun = time.perf_counter()
        response = self._get_response(request)
        method = request.method if request.method in _METHODS else "other"
        match = request.resolver_match
        route = "/" + match.route if match is not None else "(none)"
        REQUESTS.labels(method, route, str(response.status_code)).inc()
        SECONDS.labels(method, route).observe(time.perf_counter() - begun)
        return response
