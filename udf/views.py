"""TradingView's datafeed protocol (UDF): parameters in, selectors, payloads out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views import View

from market import caching
from market.access.admission import admit
from market.domain.clock import wall_clock_ms
from market.domain.interval import Interval
from market.domain.window import LATEST_MS, TimeWindow
from market.selectors.candles import klines_live
from market.selectors.holes import holes_list
from market.selectors.quotes import ChartSymbol, chart_symbols, chart_symbols_named, daily_opens
from market.selectors.reading import read_now
from market.selectors.symbols import symbols_tracked
from udf import payloads
from udf.errors import BadParameter, answer_to, failure
from udf.history import history_answer
from udf.instruments import EXCHANGE, TYPE, Series, Ticker, search, search_item, symbol_info, symbol_table
from udf.lookup import instrument_of, symbol_id_of, symbol_of
from udf.parameters import Parameters

MAX_QUOTES: Final = 200
MAX_FOUND: Final = 1_000
DEFAULT_FOUND: Final = 30
_NOT_KEPT: Final = {"Cache-Control": caching.NEVER}


class DatafeedView(View):
    """What all views here have in common: GET alone, failures in the datafeed's form, and a clock, which a test
    replaces (`as_view(now=...)`)."""

    http_method_names = ("get", "head")
    # What counts requests leaves these to `admit`.
    follows_rest_rules = True
    now: Callable[[], int] = staticmethod(wall_clock_ms)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            admit(request)
            return super().dispatch(request, *args, **kwargs)
        except Exception as problem:  # noqa: BLE001  (the client can read no other form of failure)
            return answer_to(problem, request)

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return failure(405, "only GET is served here", {"Allow": "GET, HEAD"})


def _json(content: object) -> HttpResponse:
    return HttpResponse(payloads.dump(content), content_type="application/json", headers=_NOT_KEPT)


class ConfigView(DatafeedView):
    """What this datafeed can do."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return _json(payloads.config())


class TimeView(DatafeedView):
    """The server's time in seconds, as a bare number."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(str(self.now() // 1_000), content_type="text/plain", headers=_NOT_KEPT)


class SymbolsView(DatafeedView):
    """One instrument."""

    def get(self, request: HttpRequest) -> HttpResponse:
        ticker = Ticker.parse(Parameters(request.GET).required("symbol"))
        return _json(symbol_info(instrument_of(symbol_of(ticker), ticker.series, now=self.now())))


class SymbolTableView(DatafeedView):
    """Every symbol's price, by columns."""

    def get(self, request: HttpRequest) -> HttpResponse:
        group = Parameters(request.GET).text("group") or EXCHANGE
        if group.upper() != EXCHANGE:
            raise BadParameter("group", f"expected {EXCHANGE}: no other exchange is served")
        now = self.now()
        instruments = [instrument_of(symbol, Series.PRICE, now=now) for symbol in chart_symbols()]
        return _json(symbol_table(instruments))


class SearchView(DatafeedView):
    """The instruments that a text is found in, as a bare array."""

    def get(self, request: HttpRequest) -> HttpResponse:
        parameters = Parameters(request.GET)
        limit = parameters.number("limit", least=1, greatest=MAX_FOUND) or DEFAULT_FOUND
        is_served = parameters.text("exchange").upper() in {"", EXCHANGE} and parameters.text("type").lower() in {
            "",
            TYPE,
        }
        found = search(chart_symbols(), parameters.text("query")) if is_served else []
        return _json([search_item(symbol, series) for symbol, series in found[:limit]])


class HistoryView(DatafeedView):
    """A page of bars; see `history_answer`."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        body, cache = read_now(history_answer(request.GET.dict(), self.now()))
        return caching.answer(request, body, cache)


class TrackedSymbolsView(DatafeedView):
    """The names of the symbols that are collected."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return _json([symbol.name for symbol in symbols_tracked()])


class DailyOpensView(DatafeedView):
    """The price at which the UTC day opened, by symbol."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return _json(daily_opens(now=self.now()))


class QuotesView(DatafeedView):
    """The day of each of the symbols, in the order and under the names they were asked for."""

    def get(self, request: HttpRequest) -> HttpResponse:
        requested = [name for name in Parameters(request.GET).required("symbols").split(",") if name]
        if not 1 <= len(requested) <= MAX_QUOTES:
            raise BadParameter("symbols", f"expected 1 to {MAX_QUOTES} names with commas between them")
        known = chart_symbols_named({Ticker.parse(name).symbol for name in requested})
        return _json({"s": "ok", "d": [self._quote(name, known) for name in requested]})

    def _quote(self, requested: str, known: dict[str, ChartSymbol]) -> dict[str, Any]:
        ticker = Ticker.parse(requested)
        symbol = known.get(ticker.symbol)
        if symbol is None or ticker.series is not Series.PRICE:
            return payloads.quote_error(requested, "unknown_symbol: only prices have quotes, of symbols that are known")
        days, _ = klines_live(symbol_id=symbol.id, name=symbol.name, interval=Interval.D1, limit=2, now=self.now())
        if not len(days):
            return payloads.quote_error(requested, "no candle of it is stored")
        return payloads.quote(requested, symbol, days.rows())


class TimescaleMarksView(DatafeedView):
    """The known holes of a symbol's data."""

    def get(self, request: HttpRequest) -> HttpResponse:
        parameters = Parameters(request.GET)
        ticker = Ticker.parse(parameters.required("symbol"))
        interval = parameters.resolution()
        start, end = parameters.moment("from") or 0, parameters.moment("to")
        window = TimeWindow(start, max(start, LATEST_MS if end is None else end))
        holes = holes_list(symbol_id=symbol_id_of(ticker), window=window, now=self.now())
        return _json(payloads.timescale_marks(holes, interval))


class NothingHereView(DatafeedView):
    """What lies below our addresses, and the part of the protocol that is not served."""

    def get(self, request: HttpRequest) -> HttpResponse:
        raise Http404
