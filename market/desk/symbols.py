"""Symbols: what is tracked, how fresh and how whole it is, and what an operator may ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from market.desk.base import ReadOnlyAdmin
from market.desk.calendar import calendar_page
from market.desk.formats import age_text, badge, bar, job_cell
from market.desk.tracking import track_page
from market.domain.clock import wall_clock_ms
from market.models import Job, Symbol
from market.selectors.holes import holes_list
from market.selectors.jobs import jobs_newest, jobs_of_symbol
from market.selectors.ledger import HistoryProgress, history_progress, wanted_window
from market.selectors.live import LiveSymbol, live_status
from market.services.jobs import job_wish
from market.services.symbols import symbol_track, symbol_untrack

_HOLES_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class Wish:
    """Something that an operator may want of a symbol: on its button, on its action, and in the log."""

    name: str
    button: str
    action: str
    done: str
    needs_tracked: bool | None = None


_TRACK: Final = Wish("track", "Track", "Track: load the history and go live", "tracked from now on", False)
_UNTRACK: Final = Wish(
    "untrack", "Untrack", "Untrack: stop collecting, keep the candles", "not tracked any more; the candles stay", True
)
_JOBS: Final = (
    Wish(Job.Kind.LOAD, "Load history now", "Load now what is missing", "load asked for"),
    Wish(
        Job.Kind.REPAIR,
        "Repair gaps",
        "Repair gaps: ask every source again, also for days that were given up",
        "repair asked for",
    ),
    Wish(Job.Kind.VERIFY, "Verify", "Verify: compare with the exchange, change nothing", "verification asked for"),
    Wish(
        Job.Kind.CORRECT,
        "Verify and correct",
        "Verify and correct: put right what is found",
        "verification with correction asked for",
    ),
)
WISHES: Final = {wish.name: wish for wish in (_TRACK, _UNTRACK, *_JOBS)}


class SymbolChangeList(ChangeList):
    """A page of symbols; what its columns say of each is read for the whole page at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        tracked = [symbol for symbol in self.result_list if symbol.is_tracked]
        progress = {each.symbol: each for each in history_progress(now=wall_clock_ms(), symbols=tracked)}
        live = {each.symbol: each for each in live_status(now=wall_clock_ms()).symbols} if tracked else {}
        jobs = jobs_newest([symbol.id for symbol in self.result_list])
        for symbol in self.result_list:
            symbol.progress = progress.get(symbol.name)
            symbol.live = live.get(symbol.name) if symbol.is_tracked else None
            symbol.job = jobs.get(symbol.id)


class SymbolAdmin(ReadOnlyAdmin):
    list_display = ("name", "tracked", "data", "history", "gaps", "newest_job", "status")
    fieldsets = (
        ("Contract", {"fields": (("status", "contract_type"), ("base_asset", "quote_asset"), ("tick", "step"),
                                 ("onboard_at", "delivery_at"))}),
        ("Wish", {"fields": (("tracked_at", "backfill_from"),)}),
    )  # fmt: skip
    list_filter = ("is_tracked", "status", "contract_type", "quote_asset")
    search_fields = ("name",)
    ordering = ("-is_tracked", "name")
    actions = ("track", "untrack", "load", "repair", "verify", "correct")
    # One symbol more or less does not matter, and a second count of the table would cost a query.
    show_full_result_count = False
    change_list_template = "admin/market/symbol/change_list.html"
    change_form_template = "admin/market/symbol/change_form.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SymbolChangeList

    def get_urls(self) -> list[URLPattern]:
        return [
            path("track/", self.operating(partial(track_page, self), only_post=False), name="market_symbol_track"),
            path("<int:symbol_id>/days/", self.looking(partial(calendar_page, self)), name="market_symbol_days"),
            path("<int:symbol_id>/wish/<str:name>/", self.operating(self.wish_view), name="market_symbol_wish"),
            *super().get_urls(),
        ]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Symbol], search_term: str
    ) -> tuple[QuerySet[Symbol], bool]:
        """Who types a name to track one is offered what the exchange lists and is not tracked yet."""
        found, has_doubles = super().get_search_results(request, queryset, search_term)
        match = request.resolver_match
        if match is not None and match.url_name == "autocomplete":
            found = found.filter(is_tracked=False).exclude(status="").order_by("name")
        return found, has_doubles

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"may_operate": self.has_operate_permission(request)}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    # The columns.

    @admin.display(description="newest data", empty_value="-")
    def data(self, symbol: Symbol) -> SafeString | None:
        """How old the newest data of the stream is."""
        live: LiveSymbol | None = getattr(symbol, "live", None)
        return None if live is None else live_cell(live)

    @admin.display(description="history", empty_value="-")
    def history(self, symbol: Symbol) -> SafeString | None:
        """Percent of the wanted days that are done; nothing for a symbol that is not tracked."""
        progress: HistoryProgress | None = getattr(symbol, "progress", None)
        return None if progress is None else bar(progress.percent, f"history of {symbol.name}")

    @admin.display(description="gaps", empty_value="-")
    def gaps(self, symbol: Symbol) -> SafeString | None:
        """The minutes that finished days lack."""
        progress: HistoryProgress | None = getattr(symbol, "progress", None)
        return None if progress is None else gaps_cell(symbol, progress)

    @admin.display(description="tracked", boolean=True, ordering="is_tracked")
    def tracked(self, symbol: Symbol) -> bool:
        return symbol.is_tracked

    @admin.display(description="tick size", empty_value="-")
    def tick(self, symbol: Symbol) -> str | None:
        return None if symbol.tick_size is None else f"{symbol.tick_size.normalize():f}"

    @admin.display(description="step size", empty_value="-")
    def step(self, symbol: Symbol) -> str | None:
        return None if symbol.step_size is None else f"{symbol.step_size.normalize():f}"

    @admin.display(description="newest job", empty_value="-")
    def newest_job(self, symbol: Symbol) -> SafeString | None:
        job: Job | None = getattr(symbol, "job", None)
        return None if job is None else job_cell(job)

    # The page of one symbol.

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        symbol = self.get_object(request, object_id) if request.method == "GET" else None
        context = {} if symbol is None else self._panel(request, symbol)
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def _panel(self, request: HttpRequest, symbol: Symbol) -> dict[str, Any]:
        now = wall_clock_ms()
        (progress,) = history_progress(now=now, symbols=[symbol])
        live = {each.symbol: each for each in live_status(now=now).symbols} if symbol.is_tracked else {}
        jobs = jobs_of_symbol(symbol_id=symbol.id)
        holes = holes_list(symbol_id=symbol.id, window=wanted_window(symbol, now), now=now)
        return {
            "progress": progress,
            "progress_bar": bar(progress.percent, f"history of {symbol.name}"),
            "gaps": gaps_cell(symbol, progress),
            "live": live.get(symbol.name),
            "live_cell": live_cell(live[symbol.name]) if symbol.name in live else "",
            "jobs": [(job, job_cell(job)) for job in jobs],
            "holes": holes[-_HOLES_SHOWN:][::-1],
            "holes_more": max(0, len(holes) - _HOLES_SHOWN),
            "wishes": [wish for wish in WISHES.values() if wish.needs_tracked in {None, symbol.is_tracked}],
            "may_operate": self.has_operate_permission(request),
            "has_open_job": any(job.is_open for job in jobs),
        }

    def wish_view(self, request: HttpRequest, symbol_id: int, name: str) -> HttpResponse:
        """POST: one of the wishes for one symbol, then back to its page."""
        symbol = Symbol.objects.filter(id=symbol_id).first()
        if symbol is None or name not in WISHES:
            raise Http404
        self._fulfil(request, WISHES[name], [symbol])
        return redirect(reverse("admin:market_symbol_change", args=[symbol_id]))

    def _fulfil(self, request: HttpRequest, wish: Wish, symbols: Sequence[Symbol]) -> None:
        acts: dict[str, Callable[[Symbol], object]] = {
            _TRACK.name: lambda symbol: symbol_track(name=symbol.name),
            _UNTRACK.name: lambda symbol: symbol_untrack(name=symbol.name),
        }
        by = request.user.get_username()
        ask = partial(_ask, kind=wish.name, wished_by=by)
        self.carry_out(request, symbols, acts.get(wish.name, ask), wish.done)

    # The actions of the list.

    @admin.action(permissions=["operate"], description=_TRACK.action)
    def track(self, request: HttpRequest, queryset: QuerySet[Symbol]) -> None:
        self._fulfil(request, _TRACK, list(queryset))

    @admin.action(permissions=["operate"], description=_UNTRACK.action)
    def untrack(self, request: HttpRequest, queryset: QuerySet[Symbol]) -> HttpResponseBase | None:
        if "confirmed" in request.POST:
            self._fulfil(request, _UNTRACK, list(queryset))
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Stop collecting?",
            "opts": self.opts,
            "media": self.media,
            "symbols": queryset,
            "selected": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/desk/confirm_untrack.html", context)

    @admin.action(permissions=["operate"], description=WISHES[Job.Kind.LOAD].action)
    def load(self, request: HttpRequest, queryset: QuerySet[Symbol]) -> None:
        self._fulfil(request, WISHES[Job.Kind.LOAD], list(queryset))

    @admin.action(permissions=["operate"], description=WISHES[Job.Kind.REPAIR].action)
    def repair(self, request: HttpRequest, queryset: QuerySet[Symbol]) -> None:
        self._fulfil(request, WISHES[Job.Kind.REPAIR], list(queryset))

    @admin.action(permissions=["operate"], description=WISHES[Job.Kind.VERIFY].action)
    def verify(self, request: HttpRequest, queryset: QuerySet[Symbol]) -> None:
        self._fulfil(request, WISHES[Job.Kind.VERIFY], list(queryset))

    @admin.action(permissions=["operate"], description=WISHES[Job.Kind.CORRECT].action)
    def correct(self, request: HttpRequest, queryset: QuerySet[Symbol]) -> None:
        self._fulfil(request, WISHES[Job.Kind.CORRECT], list(queryset))


def live_cell(live: LiveSymbol) -> SafeString:
    if live.age_s is None:
        return badge("no collector", "bad")
    return badge(f"{age_text(live.age_s)} old", "bad" if live.is_stale else "good")


def gaps_cell(symbol: Symbol, progress: HistoryProgress) -> SafeString:
    """A link to the days, with what they lack; bad as long as a source might have it."""
    if not progress.gap_days:
        text, mood = "none", "good"
    else:
        text = f"{progress.gap_minutes:,} min, {progress.gap_days} d"
        mood = "bad" if progress.open_gap_days else "plain"
    address = reverse("admin:market_symbol_days", args=[symbol.id])
    return format_html('<a href="{}">{}</a>', address, badge(text, mood))


def _ask(symbol: Symbol, *, kind: str, wished_by: str) -> None:
    job_wish(symbol=symbol, kind=Job.Kind(kind), wished_by=wished_by)
