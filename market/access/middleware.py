"""What holds for every address, whoever answers there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control, patch_vary_headers

from market.access.counters import LOGINS, kind_of, limiter, visitor_of

_LOGIN: Final = "admin:login"


class AccessMiddleware:
    """1. Counts requests to pages of Django's own, the admin above all. Views that follow the REST framework's settings
       count for themselves: those of the framework, and others that say so by `follows_rest_rules = True`.
    2. Counts logins, so that nobody tries passwords by the thousand.
    3. Keeps answers that only users may read out of shared caches.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self._get_response(request)
        if settings.READS_NEED_TOKEN and "max-age" in answer.get("Cache-Control", ""):
            patch_cache_control(answer, private=True)
            patch_vary_headers(answer, ("Authorization", "Cookie"))
        return answer

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        if _counts_itself(view):
            return None
        match = request.resolver_match
        is_login = request.method == "POST" and match is not None and match.view_name == _LOGIN
        wait = limiter(LOGINS if is_login else kind_of(request.method)).ask(visitor_of(request))
        return _refusal(wait) if wait else None


def _counts_itself(view: Callable[..., Any]) -> bool:
    return hasattr(view, "cls") or getattr(getattr(view, "view_class", None), "follows_rest_rules", False)


def _refusal(wait: float) -> HttpResponse:
    seconds = math.ceil(wait)
    return HttpResponse(
        f"Too many requests: try again in {seconds} s.\n",
        status=429,
        content_type="text/plain",
        headers={"Retry-After": str(seconds), "Cache-Control": "no-store"},
    )
