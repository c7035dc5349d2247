"""Every minute of a healthy stream is stored and sent, once and exactly."""

from __future__ import annotations

from dataclasses import replace

from feeds.fakebinance.listings import CATALOGUE
from market.domain.window import MINUTE_MS
from market.tail import tail_read
from tests.integration.live.conftest import Staging
from tests.support.eventually import eventually
from tests.support.live import Hub


def test_minutes_are_stored_as_they_are_true(staging: Staging) -> None:
    with staging(["BTCUSDT", "ETHUSDT"]) as stage:
        stage.collector()
        stage.assert_complete("BTCUSDT", "ETHUSDT", minutes=4, within=40)


def test_each_closed_minute_is_sent_once_and_after_its_forming_ones(staging: Staging, hub: Hub) -> None:
    with staging(["BTCUSDT"]) as stage:
        stage.collector()
        eventually(lambda: len(hub.closed()) >= 4, within=40)
        candles = hub.candles("BTCUSDT")
    # What REST had to bring of the time before the start may come later.
    live = [candle for candle in candles if candle.time >= stage.first_whole]
    assert [candle.time for candle in live] == sorted(candle.time for candle in live)
    closed = [candle.time for candle in live if candle.is_closed]
    assert closed == sorted(set(closed))
    for candle in closed:
        of_minute = [entry.is_closed for entry in live if entry.time == candle]
        assert of_minute.index(True) == len(of_minute) - 1, "something came after the final candle"


def test_the_tail_ends_in_the_forming_minute(staging: Staging) -> None:
    with staging(["BTCUSDT"]) as stage:
        stage.collector()

        def forming() -> bool:
            tail = tail_read("BTCUSDT")
            assert tail, "no tail yet"
            assert [candle.time for candle in tail] == sorted({candle.time for candle in tail})
            return not tail[-1].is_closed and tail[-1].time >= stage.first_whole + MINUTE_MS

        eventually(forming, within=30)


def test_a_minute_without_a_trade_comes_by_rest(staging: Staging) -> None:
    quiet = replace(CATALOGUE["OMGUSDT"], name="QUIETUSDT", quiet=0.9, delivery_ms=4_133_404_800_000, status="TRADING")
    with staging(["QUIETUSDT"], listings=(quiet,)) as stage:
        stage.collector()
        stage.assert_complete("QUIETUSDT", minutes=5, within=60)
        assert (stage.stored("QUIETUSDT").trade_count[:5] == 0).any()
