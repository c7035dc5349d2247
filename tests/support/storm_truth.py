"""What a storm must come to: what is stored and what clients were sent, measured by what the exchange has published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Protocol

import numpy as np
import psycopg

from feeds.fakebinance.bars import Bars
from market.domain.window import MINUTE_MS, TimeWindow
from tests.support.eventually import eventually
from tests.support.oracle import Row, bucket_starts, expected_rows
from tests.support.storm_clients import Follower, Series


class Clock(Protocol):
    def now(self) -> int: ...


class Exchange(Protocol):
    """What is needed of a double, here or in a process of its own."""

    @property
    def clock(self) -> Clock: ...

    def published(self, symbol: str, window: TimeWindow) -> Bars: ...


class Truth:
    """The exchange's past up to now. `first` is the first minute (open time, ms) that clients follow."""

    def __init__(
        self, exchange: Exchange, ask: Callable[[str], list[tuple[Any, ...]]], *, first: int = 0, start: int = 0
    ) -> None:
        """`ask` runs one statement on the database that is to be whole. What was before `start` (ms; the start of a
        bar of every timeframe that is asked about) is none of its business."""
        self.first = first
        self._start = start
        self._exchange = exchange
        self._ask = ask

    @property
    def life(self) -> TimeWindow:
        """Everything up to now."""
        return TimeWindow(self._start, self._exchange.clock.now())

    def missing(self, symbols: Sequence[str]) -> dict[str, int]:
        """How many closed minutes of each symbol are not in the database."""
        stored = dict(
            self._ask(
                "SELECT name, count(*) FROM candle_1m JOIN market_symbol ON market_symbol.id = symbol_id"  # noqa: S608
                f" WHERE time >= to_timestamp({self._start / 1_000}) GROUP BY name"
            )
        )
        counts = {name: len(self._exchange.published(name, self.life)) - stored.get(name, 0) for name in symbols}
        return {name: count for name, count in counts.items() if count}

    def wait_until_stored(self, symbols: Sequence[str], within: float) -> None:
        """Until no closed minute is missing."""

        def is_whole() -> bool:
            try:
                missing = self.missing(symbols)
            except psycopg.OperationalError as error:
                raise AssertionError(f"the database does not answer: {error}") from error
            assert not missing, f"minutes are missing: {missing}"
            return True

        eventually(is_whole, within=within, every=0.25)

    def since(self, interval: str | None) -> int:
        """After which open time a client wants bars: the first is the one with the minute `first` in it."""
        return self._bucket(self.first, interval) - 1

    def expected(self, series: Series) -> list[dict[str, Any]]:
        """The closed bars of a series that a client must have seen, as frames show them."""
        symbol, interval = series
        bars = self._exchange.published(symbol, self.life)
        if not len(bars):
            return []
        newest = int(bars.time[-1])
        rows = [row for row in expected_rows(bars, interval or "1m") if row[0] > self.since(interval)]
        # A bar whose last minute has not closed is not closed.
        return [_frame(series, row) for row in rows if self._is_over(int(row[0]), interval, newest)]

    def wait_until_sent(self, follower: Follower, within: float) -> None:
        """Until the client has every bar of each series."""
        eventually(lambda: self._has_all(follower), within=within, every=0.25)

    def _has_all(self, follower: Follower) -> bool:
        for symbol in follower.symbols:
            for interval in follower.intervals:
                wanted = [bar["timestamp"] for bar in self.expected((symbol, interval))]
                got = follower.times((symbol, interval))
                assert set(wanted) <= set(got), f"{follower.name} {symbol} {interval}: {set(wanted) - set(got)} lack"
        return True

    @staticmethod
    def _bucket(minute: int, interval: str | None) -> int:
        return int(bucket_starts(np.array([minute], dtype=np.int64), interval or "1m")[0])

    def _is_over(self, opened: int, interval: str | None, newest: int) -> bool:
        """Whether the minute behind the newest closed one belongs to another bar."""
        return self._bucket(newest + MINUTE_MS, interval) > opened


def _frame(series: Series, row: Row) -> dict[str, Any]:
    symbol, interval = series
    time_ms, opened, high, low, close, volume, _, taker_buy_volume, _, _ = row
    frame: dict[str, Any] = {"symbol": symbol} | ({} if interval is None else {"interval": interval})
    return frame | {
        "timestamp": time_ms,
        "open": opened,
        "high": high,
        "low": low,
        "close": close,
        "volume": volume,
        "taker_buy_volume": taker_buy_volume,
        "net_volume": float(2 * Decimal(repr(taker_buy_volume)) - Decimal(repr(volume))),
        "is_closed": True,
    }
