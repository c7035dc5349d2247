"""The product's own addresses and handlers, and a view that fails."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path

from klineproject import urls
from klineproject.urls import handler400, handler404, handler500

__all__ = ["handler400", "handler404", "handler500", "urlpatterns"]


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a mistake outside of the API's views")


urlpatterns = [path("api/broken", broken), path("broken", broken), *urls.urlpatterns]
