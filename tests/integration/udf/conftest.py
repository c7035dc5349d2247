"""One market whose every minute is known, stored and streamed, behind a served product."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import numpy as np
import pytest
from pytest_django.plugin import DjangoDbBlocker

from market.domain.candle import Candle
from market.domain.frame import CandleFrame
from market.domain.source import Source
from market.models import LedgerDay, Symbol
from tests.support.candles import load, make_symbol, random_frame
from tests.support.database import truncate_candles
from tests.support.expected_store import Values, bucket_start, folded
from tests.support.push import Collector, collector
from tests.support.served import database_url, served
from tests.support.udf_client import Bar, UdfClient
from tests.support.web_server import WebServer

MINUTE: Final = 60_000
DAY: Final = 1_440 * MINUTE
# TradingView's names and ours.
RESOLUTIONS: Final = {
    "1": "1m",
    "5": "5m",
    "15": "15m",
    "60": "1h",
    "240": "4h",
    "1D": "1d",
    "1W": "1w",
    "1M": "1M",
}
_STREAMED: Final = 11


def values_of(frame: CandleFrame) -> dict[int, Values]:
    """Each minute by its open time (ms)."""
    columns = (
        *(frame.open, frame.high, frame.low, frame.close, frame.volume, frame.quote_volume),
        *(frame.taker_buy_volume, frame.taker_buy_quote_volume, frame.trade_count),
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return dict(zip(frame.time.tolist(), rows, strict=True))


@dataclass(frozen=True)
class Chart:
    """What BTCUSDT has: closed minutes, and the forming one, which only the live tail knows."""

    minutes: dict[int, Values]
    forming: int
    _folded: dict[str, dict[int, Values]] = field(default_factory=dict)

    @property
    def now(self) -> int:
        """Seconds: within the forming minute."""
        return (self.forming + 30_000) // 1_000

    def bars(self, resolution: str) -> dict[int, Values]:
        """Every bar by its open time (ms), folded from the minutes in the plainest way."""
        if resolution not in self._folded:
            buckets: dict[int, list[Values]] = {}
            for at, values in self.minutes.items():
                buckets.setdefault(bucket_start(RESOLUTIONS[resolution], at), []).append(values)
            self._folded[resolution] = {start: folded(rows) for start, rows in buckets.items()}
        return self._folded[resolution]

    def shown(self, resolution: str) -> list[Bar]:
        """The same as a chart should see it, oldest first."""
        return [Bar(start, *values[:5]) for start, values in self.bars(resolution).items()]


@pytest.fixture(scope="module")
def publisher() -> Iterator[Collector]:
    with collector() as one:
        yield one


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    environ = {"DATABASE_URL": database_url(), "CORS_ALLOWED_ORIGINS": "https://charts.example"}
    with served(tmp_path_factory.mktemp("datafeed"), environ) as server:
        yield server
    # Django itself writes down hosts that are not ours, with a traceback; no other error is expected.
    errors = [line for line in server.log.read_text().splitlines() if " ERROR " in line and "HTTP_HOST" not in line]
    assert errors == []


def _history(forming: int) -> CandleFrame:
    """Twenty minutes at the beginning of each of the last 150 days, then 21,000 without a gap."""
    first = forming // DAY * DAY - 150 * DAY
    recent = forming - 21_000 * MINUTE
    days = [random_frame(day, first + day * DAY, 20) for day in range(150) if first + day * DAY + DAY < recent]
    return CandleFrame.concat([*days, random_frame(999, recent, 21_000)])


def _candles(frame: CandleFrame, forming: int) -> list[Candle]:
    """The live tail: the last closed minutes and the one that forms."""
    last = list(values_of(frame).items())[-_STREAMED + 1 :]
    closed = [Candle("BTCUSDT", at, *values, is_closed=True) for at, values in last]
    price = closed[-1].close
    return [
        *closed,
        Candle("BTCUSDT", forming, price, price + 1, price, price + 1, 2.5, 0.0, 1.0, 0.0, 1, is_closed=False),
    ]


@pytest.fixture(scope="module")
def chart(django_db_setup: None, django_db_blocker: DjangoDbBlocker, publisher: Collector) -> Iterator[Chart]:
    """BTCUSDT as above, of which the last three minutes are not stored yet. Besides it: ETHUSDT, which is listed and
    has nothing, 币安人生USDT, which no list describes, and HOLEUSDT, which lacks days."""
    forming = time.time_ns() // 1_000_000 // MINUTE * MINUTE
    frame = _history(forming)
    tail = _candles(frame, forming)
    with django_db_blocker.unblock():
        step = Decimal("0.001")
        bitcoin = make_symbol(
            "BTCUSDT", tracked=True, base_asset="BTC", quote_asset="USDT", tick_size=Decimal("0.10"), step_size=step
        )
        load(bitcoin, frame.take(slice(0, len(frame) - 3)))
        make_symbol("ETHUSDT", base_asset="ETH", quote_asset="USDT", tick_size=Decimal("0.5"), step_size=step)
        unlisted = make_symbol("币安人生USDT", tracked=True, contract_type="")
        load(unlisted, random_frame(3, forming - 30 * MINUTE, 30))
        _with_holes(make_symbol("HOLEUSDT"), forming // DAY * DAY)
    publisher.forget_tails()
    publisher.tail("BTCUSDT", tail)
    known = values_of(frame)
    last = tail[-1]
    known[forming] = (
        *(last.open, last.high, last.low, last.close, last.volume, last.quote_volume),
        *(last.taker_buy_volume, last.taker_buy_quote_volume, last.trade_count),
    )
    yield Chart(known, forming)
    publisher.forget_tails()
    with django_db_blocker.unblock():
        truncate_candles()
        LedgerDay.objects.all().delete()
        Symbol.objects.all().delete()


def _with_holes(symbol: Symbol, today: int) -> None:
    """Whole until ten days ago, then a day of half its minutes, a whole one, and two that no source has; from then on
    no day was looked at, but for today, which is not over."""
    load(symbol, random_frame(1, today - 11 * DAY, 1_440))
    load(symbol, random_frame(2, today - 10 * DAY, 720))
    load(symbol, random_frame(3, today - 9 * DAY, 1_440))
    for days_ago in (8, 7):
        LedgerDay.objects.create(
            symbol=symbol,
            day=np.datetime64(today - days_ago * DAY, "ms").astype("datetime64[D]").item(),
            state="empty",
            expected=1_440,
            is_settled=True,
        )
    load(symbol, random_frame(4, today, 1), Source.LIVE)


@pytest.fixture
def feed(server: WebServer, chart: Chart) -> Iterator[UdfClient]:
    """A page that has been told what the datafeed can do."""
    client = UdfClient(server.url)
    client.start()
    yield client
    client.close()
