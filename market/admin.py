"""The operator's pages: what is tracked, what is stored, and what the collectors do.

Nothing is edited here. The exchange's list, the loads and the collectors write these rows, under locks that a saved
form would not take; what the operator wants goes through services, as actions. Who may change a model's rows by
Django's permissions may take its actions.
"""

from __future__ import annotations

import time
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import BooleanField, ExpressionWrapper, Model, Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse

from market.api.serializers import HistoryOut
from market.models import LEASE, ArchiveFile, Collector, CollectorWish, LedgerDay, Symbol
from market.selectors.ledger import HistoryProgress, history_progress
from market.services.collectors import collectors_restart, collectors_shutdown, collectors_start
from market.services.symbols import symbol_track, symbol_untrack


# Generic for the type checker only: Django's class takes no parameter when the program runs.
class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows to look at. Actions ask for the permission `operate`."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Django's own permission to change these rows, which is not used otherwise."""
        return super().has_change_permission(request)


class SymbolChangeList(ChangeList):
    """A page of symbols; each tracked one has its `progress`, read for the whole page at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        tracked = history_progress(now=time.time_ns() // 1_000_000)
        by_name = {progress.symbol: progress for progress in tracked}
        self.result_list = list(self.result_list)
        for symbol in self.result_list:
            symbol.progress = by_name.get(symbol.name)


@admin.register(Symbol)
class SymbolAdmin(ReadOnlyAdmin):
    list_display = ("name", "status", "is_tracked", "history", "last_day")
    list_filter = ("is_tracked", "status", "contract_type", "quote_asset")
    search_fields = ("name",)
    actions = ("track", "untrack")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SymbolChangeList

    @admin.display(description="history", empty_value="-")
    def history(self, symbol: Symbol) -> str | None:
        """Percent of the wanted days that are done; nothing for a symbol that is not tracked."""
        progress: HistoryProgress | None = getattr(symbol, "progress", None)
        return None if progress is None else f"{HistoryOut().get_percent(progress):g} %"

    @admin.display(description="last day", empty_value="-")
    def last_day(self, symbol: Symbol) -> str | None:
        """The newest day of the ledger; nothing for a symbol that is not tracked."""
        progress: HistoryProgress | None = getattr(symbol, "progress", None)
        return None if progress is None or progress.last_day is None else progress.last_day.isoformat()

    @admin.action(permissions=["operate"], description="Track: load the history and go live")
    def track(self, request: HttpRequest, queryset: QuerySet[Symbol]) -> None:
        names = list(queryset.values_list("name", flat=True))
        for name in names:
            symbol_track(name=name)
        self.message_user(request, f"{len(names)} symbols are tracked.")

    @admin.action(permissions=["operate"], description="Untrack: stop collecting, keep the candles")
    def untrack(self, request: HttpRequest, queryset: QuerySet[Symbol]) -> None:
        names = list(queryset.values_list("name", flat=True))
        for name in names:
            symbol_untrack(name=name)
        self.message_user(request, f"{len(names)} symbols are not tracked; their candles stay.")


@admin.register(LedgerDay)
class LedgerDayAdmin(ReadOnlyAdmin):
    list_display = (
        "symbol",
        "day",
        "state",
        "expected",
        "live_rows",
        "monthly_rows",
        "rest_rows",
        "daily_rows",
        "conflict_rows",
        "is_settled",
    )
    list_filter = ("state", "is_settled")
    list_select_related = ("symbol",)
    search_fields = ("symbol__name",)
    # A row for each symbol and day: one count for each page is enough.
    show_full_result_count = False


@admin.register(ArchiveFile)
class ArchiveFileAdmin(ReadOnlyAdmin):
    list_display = ("path", "symbol", "rows", "size", "loaded_at")
    list_select_related = ("symbol",)
    search_fields = ("path",)
    show_full_result_count = False


@admin.register(Collector)
class CollectorAdmin(ReadOnlyAdmin):
    """The actions are wishes for all collectors, whichever are chosen."""

    list_display = (
        "__str__",
        "is_alive",
        "is_active",
        "is_connected",
        "connections",
        "symbols",
        "shards_held",
        "started_at",
        "seen_at",
    )
    actions = ("restart", "shutdown", "start")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Collector]:
        is_alive = ExpressionWrapper(Q(seen_at__gt=Now() - LEASE), output_field=BooleanField())
        return Collector.objects.annotate(alive=is_alive).prefetch_related("shards")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        wish = CollectorWish.objects.first() or CollectorWish()
        return super().changelist_view(request, {"title": f"Collectors shall {wish}", **(extra_context or {})})

    @admin.display(description="alive", boolean=True)
    def is_alive(self, collector: Collector) -> bool:
        """Heard of within the length of a lease, by the database's clock."""
        return bool(getattr(collector, "alive", False))

    @admin.display(description="shards", empty_value="none")
    def shards_held(self, collector: Collector) -> str:
        return ", ".join(str(shard.number) for shard in collector.shards.all())

    @admin.action(permissions=["operate"], description="Restart all collectors")
    def restart(self, request: HttpRequest, queryset: QuerySet[Collector]) -> None:
        collectors_restart()
        self.message_user(request, "Wished: every collector starts anew.")

    @admin.action(permissions=["operate"], description="Shut down all collectors: they stand still until they start")
    def shutdown(self, request: HttpRequest, queryset: QuerySet[Collector]) -> None:
        collectors_shutdown()
        self.message_user(request, "Wished: every collector stores what it has and stands still.")

    @admin.action(permissions=["operate"], description="Start all collectors")
    def start(self, request: HttpRequest, queryset: QuerySet[Collector]) -> None:
        collectors_start()
        self.message_user(request, "Wished: collectors run.")
