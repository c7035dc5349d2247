"""The addresses of saved drawings, from the root. None needs, or takes, a slash at its end."""

from __future__ import annotations

from django.urls import path, re_path
from django.urls.resolvers import URLPattern

from canvas.api import views as canvases
from canvas.tradingview import views as storage

urlpatterns: list[URLPattern] = [
    path("canvas/list", canvases.ListView.as_view()),
    path("canvas/load", canvases.LoadView.as_view()),
    path("canvas/save", canvases.SaveView.as_view()),
    path("canvas/delete", canvases.DeleteView.as_view()),
    path("1.1/charts", storage.ChartsView.as_view()),
    path("1.1/study_templates", storage.StudyTemplatesView.as_view()),
    path("1.1/drawing_templates", storage.DrawingTemplatesView.as_view()),
    path("1.1/chart_templates", storage.ChartTemplatesView.as_view()),
    path("1.1/drawings", storage.DrawingsView.as_view()),
    # Last: what no route above takes is answered here, in the form of its neighbours, and not with Django's page.
    re_path(r"^canvas(?:/|$)", canvases.NothingHereView.as_view()),
    re_path(r"^1\.[01](?:/|$)", storage.NothingHereView.as_view()),
]
