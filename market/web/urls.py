"""Addresses of the pages."""

from __future__ import annotations

from django.urls import path
from django.urls.resolvers import URLPattern

from market.web.views import ChartView, DataView, IconView

app_name = "web"
urlpatterns: list[URLPattern] = [
    path("", ChartView.as_view(), name="chart"),
    path("data", DataView.as_view(), name="data"),
    path("favicon.ico", IconView.as_view(), name="icon"),
]
