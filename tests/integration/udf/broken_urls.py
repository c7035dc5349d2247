"""The product's handlers, and views that fail at an address of the datafeed and at another one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path

from klineproject.urls import handler400, handler404, handler500

__all__ = ["handler400", "handler404", "handler500", "urlpatterns"]


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a mistake outside of the datafeed's views")


urlpatterns = [path("history", broken), path("elsewhere", broken)]
