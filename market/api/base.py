"""What every view of this API has in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rest_framework.request import Request
from rest_framework.views import APIView

from market.api.errors import LengthRequired
from market.api.parsing import SmallJSONParser
from market.domain.clock import wall_clock_ms


class ApiView(APIView):
    """What all views here have in common: small JSON bodies and a clock, which a test replaces (`as_view(now=...)`)."""

    # Without OPTIONS, which would tell what docs/ and the OpenAPI document tell better.
    http_method_names = ("get", "head", "post", "put", "patch", "delete")
    parser_classes = (SmallJSONParser,)
    now: Callable[[], int] = staticmethod(wall_clock_ms)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
            raise LengthRequired
