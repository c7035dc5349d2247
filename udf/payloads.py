"""The bodies of answers, from plain values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

import orjson

from market.domain.interval import Interval
from market.domain.page import Page, PageRow
from market.domain.volumes import net_volumes
from market.domain.window import day_start
from market.selectors.holes import Hole
from market.selectors.quotes import ChartSymbol
from udf.instruments import EXCHANGE, TYPE, Series, description
from udf.resolutions import SUPPORTED

# The newest so many bars of a range, or of a countback, are answered; a client pages back for more.
MAX_BARS: Final = 20_000


def dump(content: object) -> bytes:
    """Strict JSON: numbers that it does not have (NaN, infinity) become null."""
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def error(text: str) -> bytes:
    """The one form of failure that the client reads; it looks at no status. Half a surrogate pair, which has no UTF-8
    form, is written as its escape."""
    return dump({"s": "error", "errmsg": text.encode("utf-8", "backslashreplace").decode()})


def config() -> dict[str, Any]:
    """The answer to /config."""
    return {
        "supports_search": True,
        "supports_group_request": False,
        "supports_time": True,
        "supports_marks": False,
        "supports_timescale_marks": True,
        "supported_resolutions": list(SUPPORTED),
        "exchanges": [{"value": EXCHANGE, "name": "Binance", "desc": "Binance USDS-M futures"}],
        "symbols_types": [{"name": "All types", "value": ""}, {"name": "Crypto", "value": TYPE}],
        # For `maxResponseLength` of the client.
        "max_bars": MAX_BARS,
    }


def no_data() -> bytes:
    """Nothing exists before `to`: the chart stops scrolling here."""
    return b'{"s":"no_data"}'


def history(page: Page, series: Series) -> bytes:
    """The answer to /history for one bar or more, oldest first. `t` is in seconds.

    A volume series is its value in all four prices, so that it can be drawn in any style.
    """
    net = net_volumes(page.volume, page.taker_buy_volume)
    match series:
        case Series.PRICE:
            prices = (page.open, page.high, page.low, page.close)
        case Series.NET_VOLUME:
            prices = (net, net, net, net)
        case Series.TAKER_BUY_VOLUME:
            prices = (page.taker_buy_volume,) * 4
    return dump(
        {
            "s": "ok",
            "t": page.time // 1_000,
            **dict(zip("ohlc", prices, strict=True)),
            "v": page.volume,
            "nv": net,
            "tbv": page.taker_buy_volume,
        }
    )


def quote(requested: str, symbol: ChartSymbol, days: Sequence[PageRow]) -> dict[str, Any]:
    """One entry of /quotes from the day's bar and, if there is one, the bar of the day before.

    The change is since that day's close, or since the open where there is none. Bids and asks are not known here.
    """
    *before, today = days
    base = before[-1][4] if before else today[1]
    # As decimals: floats would show a change of 0.10000000000582077.
    change = float(Decimal(repr(today[4])) - Decimal(repr(base)))
    return {
        "s": "ok",
        "n": requested,
        "v": {
            "lp": today[4],
            "ch": change,
            "chp": round(change / base * 100, 2) if base else 0.0,
            "open_price": today[1],
            "high_price": today[2],
            "low_price": today[3],
            "prev_close_price": base,
            "volume": today[5],
            "short_name": symbol.name,
            "original_name": f"{EXCHANGE}:{symbol.name}",
            "exchange": EXCHANGE,
            "description": description(symbol, Series.PRICE),
        },
    }


def quote_error(requested: str, text: str) -> dict[str, Any]:
    """The entry of /quotes for a name that has none."""
    return {"s": "error", "n": requested, "errmsg": text, "v": {}}


def timescale_marks(holes: Iterable[Hole], interval: Interval) -> list[dict[str, Any]]:
    """The answer to /timescale_marks: one for each hole, at the bar of its first day."""
    return [
        {
            "id": f"{hole.first_day}/{hole.last_day}",
            "time": interval.floor(day_start(hole.first_day)) // 1_000,
            "color": "red" if hole.is_settled else "yellow",
            "label": "?",
            "tooltip": [
                f"{_days(hole.first_day, hole.last_day)}: minutes missing: {hole.minutes:,}",
                "No source has them" if hole.is_settled else "Still to be loaded",
            ],
        }
        for hole in holes
    ]


def _days(first: dt.date, last: dt.date) -> str:
    return str(first) if first == last else f"{first} to {last}"
