"""The day ledger and the files that were loaded, as lists."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from market.desk.base import ReadOnlyAdmin
from market.models import LedgerDay, Symbol


class ChosenSymbol(admin.SimpleListFilter):
    """The symbol that a link has chosen. Hundreds of names to choose from would be no filter; the search finds one."""

    title = "symbol"
    parameter_name = "of"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        chosen = request.GET.get(self.parameter_name, "")
        found = Symbol.objects.filter(id=int(chosen)).first() if chosen.isdecimal() and len(chosen) < 10 else None
        return [] if found is None else [(chosen, found.name)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        return queryset if chosen is None else queryset.filter(symbol_id=int(chosen))


class LedgerDayAdmin(ReadOnlyAdmin):
    list_display = (
        "day",
        "symbol_link",
        "state",
        "expected",
        "live_rows",
        "monthly_rows",
        "rest_rows",
        "daily_rows",
        "conflict_rows",
        "is_settled",
    )
    list_filter = (ChosenSymbol, "state", "is_settled", "symbol__is_tracked")
    list_select_related = ("symbol",)
    search_fields = ("symbol__name",)
    search_help_text = "a symbol, or a part of its name"
    date_hierarchy = "day"
    ordering = ("-day", "symbol__name")
    # A row for each symbol and day: one count for each page is enough.
    show_full_result_count = False

    @admin.display(description="symbol", ordering="symbol__name")
    def symbol_link(self, entry: LedgerDay) -> SafeString:
        address = reverse("admin:market_symbol_days", args=[entry.symbol_id])
        return format_html('<a href="{}?month={}">{}</a>', address, entry.day.strftime("%Y-%m"), entry.symbol.name)


class ArchiveFileAdmin(ReadOnlyAdmin):
    list_display = ("path", "symbol", "rows", "size", "sha256", "loaded_at")
    list_filter = (ChosenSymbol, "loaded_at")
    list_select_related = ("symbol",)
    search_fields = ("path",)
    search_help_text = "a part of the path, such as ETHUSDT-1m-2024-05"
    show_full_result_count = False
