"""Addresses of the datafeed. A slash before them comes from a client whose base address ends in one."""

from __future__ import annotations

import re
from typing import Final

from django.http import HttpRequest
from django.urls import re_path
from django.urls.resolvers import URLPattern
from django.views.decorators.csrf import csrf_exempt

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


def _route(address: str, view: type[views.DatafeedView]) -> URLPattern:
    # Without the exemption, Django would answer a POST with a page about cookies before the view could say that only
    # GET is served.
    return re_path(address, csrf_exempt(view.as_view()))


urlpatterns: list[URLPattern] = [
    *(_route(rf"^/?{re.escape(name)}/?\Z", view) for name, view in _ROUTES.items()),
    # What lies below them is answered here, and not with Django's page.
    _route(rf"^/*(?:{_NAMES})/", views.NothingHereView),
]


def is_ours(request: HttpRequest) -> bool:
    """Whether the address is one of the datafeed's, served or not."""
    return _OURS.match(request.path_info) is not None
