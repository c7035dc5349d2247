"""Who may do what. The REST framework's settings name `AccessRules` for every view that does not choose otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.conf import settings
from rest_framework.exceptions import NotAuthenticated, PermissionDenied, Throttled
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from market.access.authentication import OPEN, user_of
from market.access.counters import kind_of, limiter, visitor_of
from market.access.origins import origin_is_allowed

if TYPE_CHECKING:
    # The framework's views import this module in turn: its settings name it.
    from rest_framework.views import APIView

_WHO: Final = "it has to be known who asks: send the header `Authorization: Token ...`, or log in at /admin/login/"
_PAGE: Final = "a page of another origin may not write here: see CORS_ALLOWED_ORIGINS"


class AccessRules(BasePermission):
    """ACCESS=open: everybody may do everything, except that a foreign page may not write behind a visitor's back.
    ACCESS=token: what writes needs a user. What reads needs one if READS_NEED_TOKEN says so, or if the view's data
    belong to users: `reads_are_private = True`.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """True; or raises NotAuthenticated or PermissionDenied, which say what to do.

        Who is refused as nobody knows him counts all the same: Throttled, as the framework would only say later.
        """
        reads = request.method in SAFE_METHODS
        if settings.ACCESS == OPEN:
            if not reads and not origin_is_allowed(
                origin=request.META.get("HTTP_ORIGIN"), host=request.META.get("HTTP_HOST", "")
            ):
                raise PermissionDenied(_PAGE)
            return True
        is_free = reads and not settings.READS_NEED_TOKEN and not getattr(view, "reads_are_private", False)
        if not is_free and user_of(request) is None:
            wait = limiter(kind_of(request.method)).ask(visitor_of(request))
            raise Throttled(wait) if wait else NotAuthenticated(_WHO)
        return True
