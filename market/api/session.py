"""Who asks, and what he may do: what a page has to know before it shows a form."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.middleware.csrf import get_token
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.access.authentication import OPEN, TOKEN, user_of
from market.api.base import ApiView
from market.api.schema import COMMON, READ, envelope, failures
from market.api.serializers import WordField


class SessionOut(serializers.Serializer[Any]):
    """`user` is a name, or null where nobody is known."""

    access = WordField(words=(OPEN, TOKEN))
    user = serializers.CharField(allow_null=True)
    may_write = serializers.BooleanField()
    reads_need_token = serializers.BooleanField()


class SessionView(ApiView):
    """GET: `access` ("open" or "token"), `user` (a name or null), `may_write`, `reads_need_token`.

    Answers everybody, and sets the cookie `csrftoken`, whose value a page with a login sends back as X-CSRFToken.
    """

    permission_classes = ()

    @extend_schema(
        tags=["operation"],
        operation_id="session",
        summary="Who asks, and what he may do",
        description="Sets the cookie `csrftoken`, whose value a page with a login sends back as `X-CSRFToken`.",
        parameters=[*COMMON],
        responses={200: envelope("Session", SessionOut()), **failures(*READ)},
    )
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
