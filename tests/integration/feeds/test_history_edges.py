"""Loads without a fault: what is stored is what the exchange published, at every edge of time and life."""

from __future__ import annotations

from collections.abc import Callable

from feeds.fakebinance.server import FakeExchange
from tests.support.candles import ms
from tests.support.loading import Loader, month, states_of

NOW = ms("2024-04-10T12:00:05")
BTC = "BTCUSDT"
FEBRUARY = month("2024-02")


def test_a_month_comes_as_one_file(load_from: Callable[[FakeExchange], Loader]) -> None:
    with FakeExchange.running(symbols=(BTC,), start_ms=NOW) as exchange:
        loader = load_from(exchange)
        done = loader.track_and_load(FEBRUARY, BTC)
        assert (done.files, done.rows, done.failed, done.errors) == (1, 29 * 1_440, 0, [])
        loader.assert_truth(FEBRUARY, BTC)
        assert states_of(BTC) == {"archive": 29}
        assert loader.asked() == ["/data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-02.zip"]
