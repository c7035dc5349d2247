"""Who asks, and what he may do: what a page has to know before it shows a form."""

from __future__ import annotations

from django.conf import settings
from django.middleware.csrf import get_token
from rest_framework.request import Request
from rest_framework.response import Response

from market.access.authentication import OPEN, user_of
from market.api.base import ApiView


class SessionView(ApiView):
    """GET: `access` ("open" or "token"), `user` (a name or null), `may_write`, `reads_need_token`.

    Answers everybody, and sets the cookie `csrftoken`, whose value a page with a login sends back as X-CSRFToken.
    """

    permission_classes = ()

    def get(self, request: Request) -> Response:
        get_token(request._request)  # noqa: SLF001  (the framework's request has no other name for Django's)
        user = user_of(request)
        return Response(
            {
                "access": settings.ACCESS,
                "user": None if user is None else user.get_username(),
                "may_write": settings.ACCESS == OPEN or user is not None,
                "reads_need_token": settings.READS_NEED_TOKEN,
            },
            headers={"Cache-Control": "no-store"},
        )
