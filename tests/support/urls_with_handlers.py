"""A root URLconf that names the API's handlers, as the product's own does."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

handler400: Final = "market.api.errors.bad_request"
handler404: Final = "market.api.errors.page_not_found"
handler500: Final = "market.api.errors.server_error"


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a mistake outside of the API's views")


urlpatterns = [
    path("api/broken", broken),
    path("broken", broken),
    path("api/", include("market.api.urls")),
]
