"""Addresses at the exchange. Pure: the base address (from `base_address`) comes as an argument.

Archive paths are relative to the archive's base address and are what the file records hold, so that a record stays
true when the base address changes (a mirror, the exchange double).
"""

from __future__ import annotations

import datetime as dt
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from market.domain.window import Month, TimeWindow

ARCHIVE_ROOT: Final = "data/futures/um"
CHECKSUM_SUFFIX: Final = ".CHECKSUM"
ONE_MINUTE: Final = "1m"

# Weight of /fapi/v1/klines by limit. Documentation and measurement differ at the edges ([1,100) or [1,100] for 1,
# [100,500) or [100,500] for 2); 99 and 499 cost the lower weight under both.
# 499 rows for a weight of 2 are the most rows that one unit of weight buys: 249, against 200 (limit 1000), 150
# (limit 1500) and 99 (limit 99).
PAGE_ROWS: Final = 499
PAGE_WEIGHT: Final = 2
SMALL_PAGE_ROWS: Final = 99
SMALL_PAGE_WEIGHT: Final = 1
LIGHT_WEIGHT: Final = 1  # time, exchangeInfo


def base_address(text: str) -> str:
    """A base address without its trailing slash; ValueError for what cannot be one.

    Credentials in it would travel into every log line and error that names an address, so they are refused.
    """
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{parts.scheme}://{parts.hostname or ''} is no base address: http(s)://host[:port] is needed")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"the base address of {parts.hostname} holds credentials: give it without them")
    return text.rstrip("/")


def monthly_path(symbol: str, month: Month) -> str:
    """Archive path of the ZIP with one month's minutes of a symbol."""
    return _archive_path("monthly", symbol, str(month))


def daily_path(symbol: str, day: dt.date) -> str:
    """Archive path of the ZIP with one UTC day's minutes of a symbol."""
    return _archive_path("daily", symbol, day.isoformat())


def checksum_path(path: str) -> str:
    """Archive path of the checksum that belongs to a ZIP."""
    return path + CHECKSUM_SUFFIX


def file_name(path: str) -> str:
    """The last part of an archive path: the name that the checksum repeats."""
    return PurePosixPath(path).name


def member_name(path: str) -> str:
    """Name of the one CSV inside the ZIP at `path`."""
    return PurePosixPath(path).stem + ".csv"


def archive_url(base_url: str, path: str) -> str:
    """Absolute address of an archive path, percent-encoded: symbols such as 币安人生USDT exist."""
    return f"{base_url}/{quote(path)}"


def klines_url(base_url: str, symbol: str, window: TimeWindow, limit: int) -> str:
    """One page of minutes from the window's start upwards.

    The exchange compares open times and includes both bounds, so the last millisecond asked for is the one before
    the window's end.
    """
    return _rest_url(
        base_url,
        "klines",
        symbol=symbol,
        interval=ONE_MINUTE,
        startTime=window.start,
        endTime=window.end - 1,
        limit=limit,
    )


def page_limit(window: TimeWindow) -> int:
    """How many rows to ask for: a window of few minutes needs only a small, lighter page."""
    return SMALL_PAGE_ROWS if window.minutes <= SMALL_PAGE_ROWS else PAGE_ROWS


def page_weight(limit: int) -> int:
    """What a page of `limit` rows costs; `limit` at most PAGE_ROWS."""
    return SMALL_PAGE_WEIGHT if limit <= SMALL_PAGE_ROWS else PAGE_WEIGHT


def exchange_info_url(base_url: str) -> str:
    return _rest_url(base_url, "exchangeInfo")


def time_url(base_url: str) -> str:
    return _rest_url(base_url, "time")


def _archive_path(period: str, symbol: str, stamp: str) -> str:
    if not symbol or "/" in symbol or symbol.startswith("."):
        raise ValueError(f"{symbol!r} cannot be a symbol: it would leave its folder in the archive")
    stem = f"{symbol}-{ONE_MINUTE}-{stamp}"
    return f"{ARCHIVE_ROOT}/{period}/klines/{symbol}/{ONE_MINUTE}/{stem}.zip"


def _rest_url(base_url: str, call: str, **parameters: str | int) -> str:
    query = f"?{urlencode(parameters)}" if parameters else ""
    return f"{base_url}/fapi/v1/{call}{query}"
