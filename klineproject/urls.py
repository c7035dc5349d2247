"""Every address of the web application."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from market.api import errors as api
from udf import errors as udf
from udf.urls import is_ours as is_datafeed

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include("market.api.urls")),
    path("", include("udf.urls")),
]


# Where no view was reached, the datafeed and the API each still answer in their own form.
def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    answer = udf.bad_request if is_datafeed(request) else api.bad_request
    return answer(request, exception)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    answer = udf.page_not_found if is_datafeed(request) else api.page_not_found
    return answer(request, exception)


def handler500(request: HttpRequest) -> HttpResponse:
    answer = udf.server_error if is_datafeed(request) else api.server_error
    return answer(request)
