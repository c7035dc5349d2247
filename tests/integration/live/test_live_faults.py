"""Whatever the stream does: every minute is stored as it is true, and each is sent once, in order."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Final

import pytest

from feeds.binance.connection import StreamTiming
from feeds.fakebinance.faults import Fault
from feeds.live import collector
from market.domain.window import MINUTE_MS
from market.models import Symbol
from market.services.symbols import symbol_track, symbol_untrack
from market.tail import tail_read
from tests.integration.live.conftest import NOW, Staging
from tests.support.eventually import eventually
from tests.support.live import Hub, Stage

_STREAM_FAULTS: Final = {
    "closing frames that never come": Fault("final_dropped", probability=0.5),
    "closing frames 30 s late": Fault("final_late", probability=0.5),
    "closing frames that come three times": Fault("final_repeated", params={"count": 2, "after_ms": 1_500}),
    "a forming frame after the final one": Fault("partial_after_final", params={"after_ms": 300}),
    "an older minute after a newer one": Fault("out_of_order"),
    "a connection that falls silent": Fault("silence", match={"connection": "1"}),
    "a connection that breaks off": Fault("abort", match={"connection": "1"}, params={"after_ms": 60_000}),
    "a connection that is closed": Fault("close", match={"connection": "1"}, params={"after_ms": 60_000}),
    "a server that shuts down": Fault("server_shutdown", match={"connection": "1"}, params={"after_ms": 30_000}),
    "rubbish on the stream": Fault("garbage"),
    "one symbol that is acknowledged and silent": Fault("mute", match={"symbol": "ETHUSDT"}),
    "a handshake refused with 403": Fault("forbidden", match={"kind": "ws.handshake"}, times=2),
    "a handshake refused with 429": Fault("status", match={"kind": "ws.handshake"}, params={"status": 429}, times=2),
    "a handshake refused with 503": Fault("status", match={"kind": "ws.handshake"}, params={"status": 503}, times=2),
}


def is_sent_once_and_in_order(hub: Hub, name: str, stage: Stage, minutes: int) -> bool:
    """Each minute's final candle comes once; nothing of a minute comes after it; the forming one never goes back."""
    end = stage.first_whole + minutes * MINUTE_MS
    candles = [candle for candle in hub.candles(name) if stage.first_whole <= candle.time < end]
    closed = [candle.time for candle in candles if candle.is_closed]
    assert sorted(closed) == list(range(stage.first_whole, end, MINUTE_MS))
    final: set[int] = set()
    newest = 0
    for candle in candles:
        assert candle.time not in final, "something came after a minute's final candle"
        if candle.is_closed:
            final.add(candle.time)
        else:
            assert candle.time >= newest, "the forming minute went back"
            newest = candle.time
    return True


@pytest.mark.parametrize("fault", _STREAM_FAULTS.values(), ids=list(_STREAM_FAULTS))
def test_no_minute_is_lost_or_wrong_with(staging: Staging, hub: Hub, fault: Fault) -> None:
    with staging(["BTCUSDT", "ETHUSDT"], faults=(fault,)) as stage:
        stage.collector()
        stage.assert_complete("BTCUSDT", "ETHUSDT", minutes=3, within=60)
        for name in ("BTCUSDT", "ETHUSDT"):
            eventually(partial(is_sent_once_and_in_order, hub, name, stage, 3))


def test_no_minute_is_lost_when_rest_is_cut_off_as_well(staging: Staging) -> None:
    for_two_minutes = NOW + 140_000
    faults = (
        Fault("abort", match={"connection": "1"}, params={"after_ms": 25_000}),
        Fault("status", match={"kind": "ws.handshake"}, params={"status": 503}, skip=1, until_ms=for_two_minutes),
        Fault("reset", match={"kind": "rest.*"}, until_ms=for_two_minutes),
    )
    with staging(["BTCUSDT", "ETHUSDT"], faults=faults) as stage:
        stage.collector()
        stage.assert_complete("BTCUSDT", "ETHUSDT", minutes=4, within=60)


def test_a_symbol_that_is_added_is_streamed_without_touching_the_others(staging: Staging) -> None:
    with staging(["BTCUSDT", "ETHUSDT"]) as stage:
        Symbol.objects.filter(name="ETHUSDT").update(is_tracked=False)
        stage.collector()
        stage.assert_complete("BTCUSDT", minutes=1, within=30)
        symbol_track(name="ETHUSDT")
        stage.assert_complete("BTCUSDT", "ETHUSDT", minutes=5, within=40)
        (connection,) = stage.exchange.connections.records()
    assert [(asked.method, asked.names) for asked in connection.asked] == [
        ("SUBSCRIBE", ("btcusdt@kline_1m",)),
        ("SUBSCRIBE", ("ethusdt@kline_1m",)),
    ]


def test_a_symbol_that_is_dropped_is_unsubscribed_and_its_tail_goes(staging: Staging) -> None:
    with staging(["BTCUSDT", "ETHUSDT"]) as stage:
        stage.collector()
        eventually(lambda: tail_read("ETHUSDT"), within=20)
        symbol_untrack(name="ETHUSDT")
        eventually(lambda: not tail_read("ETHUSDT"), within=20)
        (connection,) = stage.exchange.connections.records()
        eventually(lambda: connection.asked[-1].method == "UNSUBSCRIBE")
        assert connection.streams == ("btcusdt@kline_1m",)


def test_a_symbol_that_is_acknowledged_and_silent_is_reported_stale(staging: Staging, client: Any) -> None:
    def live() -> dict[str, Any]:
        data = client.get("/api/status").json()["data"]
        return {entry["symbol"]: entry for entry in data["live"]}

    # At the real pace a minute would be needed; the clock of the double makes it three seconds.
    with staging(["BTCUSDT", "ETHUSDT"], faults=(Fault("mute", match={"symbol": "ETHUSDT"}),)) as stage:
        stage.collector()
        eventually(lambda: live()["ETHUSDT"]["is_stale"] and live()["ETHUSDT"]["rest_repairs"] > 1, within=20)
        status = live()
        assert not status["BTCUSDT"]["is_stale"]
        assert status["BTCUSDT"]["age_s"] < status["ETHUSDT"]["age_s"]
        stage.assert_complete("ETHUSDT", minutes=3, within=40)


def test_a_settled_symbol_causes_no_reconnect(staging: Staging) -> None:
    with staging(["BTCUSDT", "ETHUSDT"], collector={"symbols_per_connection": 1}) as stage:
        stage.collector()
        stage.assert_complete("BTCUSDT", "ETHUSDT", minutes=1, within=30)
        stage.exchange.settle("ETHUSDT", stage.minute() + MINUTE_MS)
        stage.assert_complete("BTCUSDT", minutes=8, within=60)
        assert len(stage.exchange.connections.records()) <= 3


def test_a_connection_is_replaced_before_the_exchange_cuts_it(staging: Staging, monkeypatch: Any) -> None:
    monkeypatch.setattr(collector, "StreamTiming", lambda: replace(StreamTiming(), rotate_s=120.0))
    with staging(["BTCUSDT"]) as stage:
        stage.collector()
        stage.assert_complete("BTCUSDT", minutes=5, within=60)
        first, second, *_ = stage.exchange.connections.records()
    assert first.closed_by_exchange is False
    assert first.closed_ms is not None
    assert first.closed_ms >= second.opened_ms, "the old one went before the new one was up"


def test_a_connection_that_delivers_is_not_left_for_one_that_is_silent(staging: Staging, monkeypatch: Any) -> None:
    monkeypatch.setattr(collector, "StreamTiming", lambda: replace(StreamTiming(), rotate_s=120.0))
    with staging(["BTCUSDT"], faults=(Fault("silence", match={"connection": "2"}),)) as stage:
        stage.collector()
        eventually(lambda: len(stage.exchange.connections.records()) > 3, within=60)
        first, second, third, *_ = stage.exchange.connections.records()
    assert second.closed_ms is not None
    assert second.closed_ms <= third.opened_ms, "the silent one was kept"
    assert first.closed_ms is not None
    assert first.closed_ms >= third.opened_ms, "the one that delivered went before another did"
