"""Addresses of the datafeed. A slash before them comes from a client whose base address ends in one."""

from __future__ import annotations

import re
from typing import Final

from django.http import HttpRequest
from django.urls import re_path
from django.urls.resolvers import URLPattern

from udf import views

_ROUTES: Final[dict[str, type[views.DatafeedView]]] = {
    "config": views.ConfigView,
    "time": views.TimeView,
    "symbols": views.SymbolsView,
    "symbol_info": views.SymbolTableView,
    "search": views.SearchView,
    "history": views.HistoryView,
    "tracked-symbols": views.TrackedSymbolsView,
    "daily-opens": views.DailyOpensView,
    "quotes": views.QuotesView,
    "timescale_marks": views.TimescaleMarksView,
    # Of the protocol, but /config says that there are none.
    "marks": views.NothingHereView,
}
_NAMES: Final = "|".join(map(re.escape, _ROUTES))
_OURS: Final = re.compile(rf"/+(?:{_NAMES})(?:/|\Z)")

urlpatterns: list[URLPattern] = [
    *(re_path(rf"^/?{re.escape(name)}/?\Z", view.as_view()) for name, view in _ROUTES.items()),
    # What lies below them is answered here, and not with Django's page.
    re_path(rf"^/*(?:{_NAMES})/", views.NothingHereView.as_view()),
]


def is_ours(request: HttpRequest) -> bool:
    """Whether the address is one of the datafeed's, served or not."""
    return _OURS.match(request.path_info) is not None
