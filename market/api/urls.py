"""Addresses below /api/. None needs, or takes, a slash at its end."""

from __future__ import annotations

from django.urls import path, re_path
from django.urls.resolvers import URLPattern

from market.api.coverage import CoverageView
from market.api.export import ExportView
from market.api.jobs import JobsView
from market.api.klines import KlinesView
from market.api.session import SessionView
from market.api.views import CollectorsView, NothingHereView, StatusView, SymbolsView, SymbolView

urlpatterns: list[URLPattern] = [
    path("klines/<str:symbol>", KlinesView.as_view()),
    path("coverage/<str:symbol>", CoverageView.as_view()),
    path("export/<str:symbol>", ExportView.as_view()),
    path("symbols", SymbolsView.as_view()),
    path("symbols/<str:symbol>", SymbolView.as_view()),
    path("collectors", CollectorsView.as_view()),
    path("jobs", JobsView.as_view()),
    path("status", StatusView.as_view()),
    path("session", SessionView.as_view()),
    # Last: what no route above takes is answered here, and not with Django's page.
    re_path("", NothingHereView.as_view()),
]
