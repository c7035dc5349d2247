"""The intake keeps what matters of what has come, and no more."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.binance.connection import stream_name
from feeds.live.intake import Intake

SYMBOLS = ("BTCUSDT", "ETHUSDT", "币安人生USDT")


def frame(symbol: str, time: int, n: int, *, closed: bool) -> bytes:
    data = {"e": "kline", "E": 1, "s": symbol, "k": {"t": time, "s": symbol, "n": n, "x": closed}}
    return orjson.dumps({"stream": stream_name(symbol), "data": data})


@pytest.fixture
def intake() -> Intake:
    intake = Intake()
    intake.expect(SYMBOLS)
    return intake


def read(messages: list[bytes]) -> list[tuple[str, int, int, bool]]:
    bars = [orjson.loads(message)["data"]["k"] for message in messages]
    return [(bar["s"], bar["t"], bar["n"], bar["x"]) for bar in bars]


@given(
    puts=st.lists(
        st.tuples(st.sampled_from(SYMBOLS), st.integers(0, 5), st.integers(0, 99), st.booleans()), max_size=60
    )
)
def test_every_closing_frame_and_the_newest_forming_one_come_out_in_order(
    puts: list[tuple[str, int, int, bool]],
) -> None:
    intake = Intake()
    intake.expect(SYMBOLS)
    for symbol, time, n, closed in puts:
        assert intake.put(frame(symbol, time, n, closed=closed), 1.0)
    taken = read(intake.take())
    for symbol in SYMBOLS:
        own = [put for put in puts if put[0] == symbol]
        finals = [put for put in own if put[3]]
        after = own[max((index for index, put in enumerate(own) if put[3]), default=-1) + 1 :]
        assert [entry for entry in taken if entry[0] == symbol] == finals + after[-1:]
    assert intake.take() == []


def test_a_frame_of_a_symbol_that_was_dropped_is_a_sign_of_life_and_nothing_else(intake: Intake) -> None:
    intake.expect(["BTCUSDT"])
    assert intake.put(frame("ETHUSDT", 1, 1, closed=True), 1.0)
    assert intake.take() == []
    assert "ETHUSDT" not in intake.heard


@pytest.mark.parametrize(
    "message", [b"", b"null", b"not json", b'{"result":null,"id":1}', b'{"stream":"!x@arr","data":[]}']
)
def test_what_is_no_candle_is_not_taken(intake: Intake, message: bytes) -> None:
    assert not intake.put(message, 1.0)
    assert intake.take() == []


def test_a_frame_that_does_not_say_that_it_is_forming_is_never_superseded(intake: Intake) -> None:
    odd = frame("BTCUSDT", 1, 1, closed=True).replace(b'"x":true', b'"x": true')
    intake.put(odd, 1.0)
    intake.put(frame("BTCUSDT", 2, 1, closed=False), 2.0)
    assert len(intake.take()) == 2


def test_it_wakes_the_tick_once_until_it_is_emptied() -> None:
    woken: list[int] = []
    intake = Intake(lambda: woken.append(1))
    intake.expect(SYMBOLS)
    for n in range(3):
        intake.put(frame("BTCUSDT", 1, n, closed=False), 1.0)
    assert len(woken) == 1
    intake.take()
    intake.put(frame("BTCUSDT", 1, 9, closed=False), 1.0)
    assert len(woken) == 2


def test_it_knows_when_a_symbol_was_heard_last(intake: Intake) -> None:
    intake.put(frame("币安人生USDT", 1, 1, closed=False), 7.5)
    assert intake.heard == {"币安人生USDT": 7.5}
