"""Every address of the web application."""

from __future__ import annotations

from types import ModuleType

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.generic import RedirectView

from canvas import outside as canvas
from klineproject.schema import DocsView, SchemaView
from market.api import errors as api
from market.api.upgrade import not_a_socket
from udf import errors as udf
from udf.urls import is_ours as is_datafeed

urlpatterns = [
    path("", include("market.web.urls")),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/schema", SchemaView.as_view(), name="schema"),
    path("api/docs", DocsView.as_view()),
    path("api/", include("market.api.urls")),
    path("ws", not_a_socket),
    path("", include("canvas.urls")),
    path("", include("udf.urls")),
]


# Where no view was reached, each protocol still answers in its own form.
def _form_of(request: HttpRequest) -> ModuleType:
    if canvas.is_ours(request):
        return canvas
    return udf if is_datafeed(request) else api


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    answer: HttpResponse = _form_of(request).bad_request(request, exception)
    return answer


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    answer: HttpResponse = _form_of(request).page_not_found(request, exception)
    return answer


def handler500(request: HttpRequest) -> HttpResponse:
    answer: HttpResponse = _form_of(request).server_error(request)
    return answer


def refusal(path: str, status: int, text: str) -> HttpResponse:
    """An answer that no view gives, in the form of the protocol that the path belongs to."""
    request = HttpRequest()
    request.path_info = path
    answer: HttpResponse = _form_of(request).refusal(request, status, text)
    return answer
