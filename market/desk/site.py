"""The admin site: its name, and on the first page how things are."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.template.response import TemplateResponse

from market.desk.overview import overview
from market.domain.clock import wall_clock_ms


class DeskSite(AdminSite):
    site_header = "klineproject"
    site_title = "klineproject"
    index_title = "Overview"
    index_template = "admin/desk/index.html"
    site_url = "/"

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        tiles = overview(now=wall_clock_ms()) if request.user.has_perm("market.view_symbol") else []
        return super().index(request, {"tiles": tiles, **(extra_context or {})})
