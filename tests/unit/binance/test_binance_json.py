"""REST rows and stream events to candles."""

from __future__ import annotations

import json
from typing import Any

import pytest

from feeds.binance.errors import BadCell, ConflictingRows, MalformedReply, OutsideWindow, RefusedData
from feeds.binance.wire import frame_from_klines, kline_event
from market.domain.window import MINUTE_MS, TimeWindow

START = 1_791_382_980_000
WINDOW = TimeWindow(START, START + 3 * MINUTE_MS)
LATER = START + 60 * MINUTE_MS


def kline(minute: int = 0, **cells: Any) -> list[Any]:
    """A row as the exchange sent it on 2026-10-07, moved to the given minute, cells replaced by position (c4=)."""
    start = START + minute * MINUTE_MS
    row: list[Any] = [
        start,
        "83084.90",
        "83086.20",
        "83051.20",
        "83078.00",
        "10.541",
        start + 59_999,
        "875630.54300",
        801,
        "4.063",
        "337524.14620",
        "0",
    ]
    for position, value in cells.items():
        row[int(position.removeprefix("c"))] = value
    return row


def test_every_cell_lands_in_its_column() -> None:
    frame = frame_from_klines([kline()], WINDOW, server_ms=LATER)
    assert (frame.time[0], frame.trade_count[0]) == (START, 801)
    assert (frame.open[0], frame.high[0], frame.low[0], frame.close[0]) == (83084.9, 83086.2, 83051.2, 83078.0)
    assert (frame.volume[0], frame.quote_volume[0]) == (10.541, 875630.543)
    assert (frame.taker_buy_volume[0], frame.taker_buy_quote_volume[0]) == (4.063, 337524.1462)


def test_no_rows_are_an_empty_frame() -> None:
    assert len(frame_from_klines([], WINDOW, server_ms=LATER)) == 0


def test_the_minute_still_open_is_left_out() -> None:
    frame = frame_from_klines([kline(0), kline(1)], WINDOW, server_ms=START + MINUTE_MS + 59_999)
    assert frame.time.tolist() == [START]


def test_a_minute_is_closed_once_its_last_millisecond_has_passed() -> None:
    assert len(frame_from_klines([kline(0), kline(1)], WINDOW, server_ms=START + 2 * MINUTE_MS)) == 2


def test_the_open_minute_comes_along_when_asked_for() -> None:
    assert len(frame_from_klines([kline(0)], WINDOW, server_ms=START, keep_open=True)) == 1


def test_cells_that_the_exchange_may_add_are_ignored() -> None:
    assert len(frame_from_klines([[*kline(), "new"]], WINDOW, server_ms=LATER)) == 1


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (kline(c1="NaN"), "open"),
        (kline(c1="1e5"), "open"),
        (kline(c1=83084.9), "open"),
        (kline(c1=None), "open"),
        (kline(c0=str(START)), "open_time"),
        (kline(c0=True), "open_time"),
        (kline(c8="801"), "count"),
        (kline(c8=2**63), "count"),
        (kline(c8=2**31), "count"),
        (kline(c2="83000.00"), "high"),
        (kline(c5="-1"), "volume"),
        (kline(c6=START + 60_000), "close_time"),
        (kline()[:10], "row"),
        ({"t": START}, "row"),
    ],
)
def test_a_cell_that_breaks_a_rule_refuses_the_reply(row: Any, column: str) -> None:
    with pytest.raises(BadCell) as refusal:
        frame_from_klines([kline(1), row], WINDOW, server_ms=LATER)
    assert (refusal.value.row, refusal.value.column) == (2, column)


def test_a_minute_that_was_not_asked_for_refuses_the_reply() -> None:
    with pytest.raises(OutsideWindow):
        frame_from_klines([kline(3)], WINDOW, server_ms=LATER)


def test_two_versions_of_a_minute_refuse_the_reply() -> None:
    with pytest.raises(ConflictingRows):
        frame_from_klines([kline(0), kline(0, c8=802)], WINDOW, server_ms=LATER)


def event(**changes: Any) -> dict[str, Any]:
    """A production event of 2026-10-07, with keys of the bar replaced."""
    bar = {
        "t": START,
        "T": START + 59_999,
        "s": "BTCUSDT",
        "i": "1m",
        "f": 8153633367,
        "L": 8153634395,
        "o": "83084.90",
        "c": "83091.60",
        "h": "83091.70",
        "l": "83051.20",
        "v": "13.551",
        "n": 1027,
        "x": False,
        "q": "1125714.73960",
        "V": "6.426",
        "Q": "533856.66860",
        "B": "0",
    }
    return {"e": "kline", "E": 1791382992723, "s": "BTCUSDT", "k": bar | changes}


def read(payload: object) -> Any:
    return kline_event(json.dumps(payload).encode())


def test_an_event_becomes_a_candle_and_its_time() -> None:
    candle, event_ms = read(event())
    assert event_ms == 1791382992723
    assert (candle.symbol, candle.time, candle.is_closed, candle.trade_count) == ("BTCUSDT", START, False, 1027)
    assert (candle.open, candle.high, candle.low, candle.close) == (83084.9, 83091.7, 83051.2, 83091.6)
    assert (candle.volume, candle.quote_volume) == (13.551, 1125714.7396)
    assert (candle.taker_buy_volume, candle.taker_buy_quote_volume) == (6.426, 533856.6686)


def test_the_combined_form_reads_the_same() -> None:
    assert read({"stream": "btcusdt@kline_1m", "data": event()}) == read(event())


def test_text_reads_like_bytes() -> None:
    assert kline_event(json.dumps(event())) == read(event())


def test_only_the_exchange_closes_a_minute() -> None:
    assert read(event(x=True))[0].is_closed is True


def test_unknown_keys_are_ignored() -> None:
    assert read(event() | {"st": 1, "new": {}}) == read(event())


@pytest.mark.parametrize(
    "payload",
    [
        {"result": None, "id": 1},
        {"error": {"code": 4, "msg": "Too many subscriptions"}, "id": 2},
        {"e": "serverShutdown", "E": 1},
        {"stream": "!contractInfo", "data": {"e": "contractInfo", "s": "BTCUSDT"}},
        event(i="5m"),
        [],
        7,
        None,
    ],
)
def test_other_messages_are_nobody_s_candle(payload: object) -> None:
    assert read(payload) is None


@pytest.mark.parametrize("noise", [b"", b"{", b"\xff\xfe", "not json"])
def test_noise_is_a_malformed_message(noise: bytes | str) -> None:
    with pytest.raises(MalformedReply):
        kline_event(noise)


@pytest.mark.parametrize(
    "changes",
    [
        {"o": "NaN"},
        {"o": "x"},
        {"o": None},
        {"o": "0"},
        {"h": "1"},
        {"l": "999999"},
        {"l": "83090.00"},
        {"v": "-1"},
        {"v": "inf"},
        {"V": "13.552"},
        {"t": START + 1},
        {"t": "x"},
        {"n": 1.5},
        {"n": -1},
        {"n": 2**31},
        {"x": "true"},
        {"x": 1},
        {"s": ""},
        {"s": None},
    ],
)
def test_a_candle_that_breaks_a_rule_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(RefusedData):
        read(event(**changes))


def test_an_event_without_its_time_or_bar_is_refused() -> None:
    with pytest.raises(RefusedData):
        read(event() | {"E": None})
    with pytest.raises(RefusedData):
        read({"e": "kline", "E": 1})
