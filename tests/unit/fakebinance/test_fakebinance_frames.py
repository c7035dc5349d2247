"""Frames on the wire: framing, and events that look like the real ones to the byte."""

from __future__ import annotations

import json
import re

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, Protocol

from feeds.fakebinance import frames
from feeds.fakebinance.bars import MINUTE_MS, Scale
from feeds.fakebinance.forming import Minute
from feeds.fakebinance.frames import Printer, closing, framed, stream_of
from feeds.fakebinance.tape import Shot
from tests.support.real_data import ABSENT, CAPTURED

CAPTURE = CAPTURED / "fstream_kline_frames_2026.jsonl"
# A real frame of 2026-10-07, with its numbers as the double keeps them.
FRAME = (
    '{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1791382992723,"s":"BTCUSDT","k":{"t":1791382980000,'
    '"T":1791383039999,"s":"BTCUSDT","i":"1m","f":8153633367,"L":8153634393,"o":"83084.90","c":"83091.60",'
    '"h":"83091.70","l":"83051.20","v":"13.551","n":1027,"x":false,"q":"1125714.73960","V":"6.426",'
    '"Q":"533856.66860","B":"0"}}}'
)
BAR = Minute(1_791_382_980_000, 8308490, 8309170, 8305120, 8309160, 13551, 112571473960, 1027, 6426, 53385666860)
PRINTER = Printer("BTCUSDT", Scale(2, 3, 5))


def without_ids(text: str) -> str:
    """The double's trade ids are its own."""
    return re.sub(r'"([fL])":-?\d+', r'"\1":0', text)


def parsed(data: bytes) -> list[tuple[Opcode, bytes]]:
    protocol = Protocol(CLIENT)
    protocol.receive_data(data)
    received = [event for event in protocol.events_received() if isinstance(event, Frame)]
    return [(frame.opcode, bytes(frame.data)) for frame in received]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_a_client_library_reads_frames_of_any_size(size: int) -> None:
    assert parsed(framed(b"x" * size)) == [(Opcode.TEXT, b"x" * size)]


def test_frames_in_one_write_stay_frames() -> None:
    both = framed(b"one") + framed(b"two", frames.BINARY)
    assert parsed(both) == [(Opcode.TEXT, b"one"), (Opcode.BINARY, b"two")]


def test_a_close_frame_says_its_code_and_reason() -> None:
    protocol = Protocol(CLIENT)
    protocol.receive_data(closing(1008, "Too many requests"))
    assert protocol.close_rcvd is not None
    assert (protocol.close_rcvd.code, protocol.close_rcvd.reason) == (1008, "Too many requests")


def test_a_wrapped_event_is_a_real_one_to_the_byte_but_for_its_trade_ids() -> None:
    text = PRINTER.wrapped(PRINTER.event(Shot(BAR, False), 1_791_382_992_723)).decode()
    assert without_ids(text) == without_ids(FRAME)


def test_trade_ids_span_as_many_trades_as_the_event_counts() -> None:
    bar = json.loads(PRINTER.event(Shot(BAR, True), 1))["k"]
    assert bar["L"] - bar["f"] + 1 == bar["n"]


def test_trade_ids_grow_from_minute_to_minute() -> None:
    before = json.loads(PRINTER.event(Shot(BAR, True), 1))["k"]
    after = json.loads(PRINTER.event(Shot(BAR._replace(time=BAR.time + MINUTE_MS), True), 1))["k"]
    assert after["f"] > before["L"]


def test_an_event_without_a_trade_has_negative_ids_and_bare_zeros() -> None:
    idle = Minute(BAR.time, 100, 100, 100, 100, 0, 0, 0, 0, 0)
    bar = json.loads(PRINTER.event(Shot(idle, True), 1))["k"]
    assert [bar[key] for key in "fLnvqVQ"] == [-1, -1, 0, "0", "0", "0", "0"]


def test_a_stream_name_is_lower_case_as_far_as_letters_have_one() -> None:
    assert stream_of("币安人生USDT") == "币安人生usdt@kline_1m"


@pytest.mark.real_data
@pytest.mark.skipif(not CAPTURE.is_file(), reason=ABSENT)
def test_events_have_the_keys_of_all_captured_ones_in_their_order() -> None:
    ours = json.loads(PRINTER.wrapped(PRINTER.event(Shot(BAR, False), 1)))
    for line in CAPTURE.read_text(encoding="utf-8").splitlines():
        theirs = json.loads(line)["frame"]
        assert list(theirs) == list(ours)
        assert list(theirs["data"]) == list(ours["data"])
        assert list(theirs["data"]["k"]) == list(ours["data"]["k"])
        assert {key: type(value) for key, value in theirs["data"]["k"].items()} == {
            key: type(value) for key, value in ours["data"]["k"].items()
        }
