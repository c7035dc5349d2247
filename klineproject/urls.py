"""Every address of the web application."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include("market.api.urls")),
]

# Where no view was reached, the API still answers in its own form.
handler400 = "market.api.errors.bad_request"
handler404 = "market.api.errors.page_not_found"
handler500 = "market.api.errors.server_error"
