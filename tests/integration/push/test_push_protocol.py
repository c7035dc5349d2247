"""The push socket's protocol, word for word, over real sockets."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from market.models import Symbol
from tests.support.candles import make_symbol
from tests.support.eventually import eventually
from tests.support.push import Client, Collector, Market, client
from tests.support.web_server import WebServer

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_closed_minute_is_sent_with_the_fields_of_the_contract(market: Market, browser: Client) -> None:
    browser.subscribe(market.name)
    browser.settle()
    market.publish(market.closed(60))
    candle = market.closed(60)
    assert browser.hear() == {
        "type": "kline",
        "data": {
            "symbol": market.name,
            "timestamp": candle.time,
            "open": candle.open,
            "high": candle.high,
            "low": candle.low,
            "close": candle.close,
            "volume": candle.volume,
            "taker_buy_volume": candle.taker_buy_volume,
            "net_volume": round(2 * candle.taker_buy_volume - candle.volume, 3),
            "is_closed": True,
        },
    }


def test_a_forming_minute_is_sent_open(market: Market, browser: Client) -> None:
    browser.subscribe(market.name)
    browser.settle()
    market.publish(market.forming(60))
    assert [(bar["timestamp"], bar["is_closed"]) for bar in browser.bars(1)] == [(market.time(60), False)]


def test_a_client_without_a_subscription_gets_every_symbol(
    market: Market, publisher: Collector, browser: Client
) -> None:
    other = Market(publisher, market.start, 2)
    browser.settle()
    publisher.publish(market.forming(60), other.forming(0))
    assert {bar["symbol"] for bar in browser.bars(2)} == {market.name, other.name}


def test_a_subscribed_client_gets_its_symbols_alone(market: Market, publisher: Collector, browser: Client) -> None:
    other = Market(publisher, market.start, 2)
    browser.subscribe(market.name)
    browser.settle()
    publisher.publish(other.forming(0), market.forming(60))
    assert [bar["symbol"] for bar in browser.bars(1)] == [market.name]


def test_subscriptions_accumulate(market: Market, publisher: Collector, browser: Client) -> None:
    other = Market(publisher, market.start, 2)
    browser.subscribe(market.name)
    browser.subscribe(other.name)
    browser.settle()
    publisher.publish(market.forming(60), other.forming(0))
    assert {bar["symbol"] for bar in browser.bars(2)} == {market.name, other.name}


def test_an_unsubscribed_symbol_is_silent(market: Market, publisher: Collector, browser: Client) -> None:
    other = Market(publisher, market.start, 2)
    browser.subscribe(market.name, other.name)
    browser.say("unsubscribe", symbols=[market.name])
    browser.settle()
    publisher.publish(market.forming(60), other.forming(0))
    assert [bar["symbol"] for bar in browser.bars(1)] == [other.name]
    assert browser.silent()


def test_who_unsubscribes_from_everything_gets_everything_again(market: Market, browser: Client) -> None:
    browser.subscribe(market.name)
    browser.say("unsubscribe", symbols=[market.name])
    browser.settle()
    market.publish(market.forming(60))
    assert browser.bars(1)[0]["symbol"] == market.name


def test_symbols_are_taken_in_any_case(market: Market, browser: Client) -> None:
    browser.subscribe(market.name.lower())
    browser.settle()
    market.publish(market.forming(60))
    assert browser.bars(1)[0]["symbol"] == market.name


def test_a_ping_is_answered_with_a_pong(browser: Client) -> None:
    browser.link.send('{"type":"ping"}')
    assert browser.link.recv(timeout=10) == '{"type":"pong"}'


def test_a_plain_subscription_has_no_answer(market: Market, browser: Client) -> None:
    browser.subscribe(market.name)
    browser.say("ping")
    assert browser.hear() == {"type": "pong"}


def test_a_subscription_with_intervals_is_answered(market: Market, browser: Client) -> None:
    browser.subscribe(market.name, intervals=["5m", "1d"])
    assert browser.hear() == {"type": "subscribed", "data": {"symbols": [market.name], "intervals": ["5m", "1d"]}}


def test_a_subscription_with_since_is_answered_before_its_bars(market: Market, browser: Client) -> None:
    since = market.time(57)
    browser.subscribe(market.name, since=since)
    assert browser.hear() == {"type": "subscribed", "data": {"symbols": [market.name], "since": since}}
    assert [bar["timestamp"] for bar in browser.bars(2)] == [market.time(58), market.time(59)]


def test_frames_carry_an_interval_only_where_one_was_asked_for(market: Market, browser: Client) -> None:
    browser.subscribe(market.name)
    browser.subscribe(market.name, intervals=["1m"])
    browser.settle()
    market.publish(market.forming(60))
    assert sorted(bar.get("interval", "") for bar in browser.bars(2)) == ["", "1m"]


def test_one_interval_of_several_can_be_given_up(market: Market, browser: Client) -> None:
    browser.subscribe(market.name, intervals=["1m", "5m"])
    browser.say("unsubscribe", symbols=[market.name], intervals=["5m"])
    browser.settle()
    market.publish(market.forming(60))
    assert [bar["interval"] for bar in browser.bars(1)] == ["1m"]
    assert browser.silent()


def test_an_unknown_symbol_is_an_error_and_the_known_ones_are_served(market: Market, browser: Client) -> None:
    browser.subscribe("NOSUCHUSDT", market.name)
    frame = browser.hear()
    assert frame["type"] == "error"
    assert frame["data"] == {"code": "unknown_symbol", "message": "symbols: not known: NOSUCHUSDT"}
    browser.settle()
    market.publish(market.forming(60))
    assert browser.bars(1)[0]["symbol"] == market.name


def test_a_symbol_that_becomes_known_can_be_subscribed_to(publisher: Collector, browser: Client) -> None:
    browser.subscribe("LATEUSDT")
    assert browser.error() == "unknown_symbol"

    make_symbol("LATEUSDT")

    def is_known() -> bool:
        browser.subscribe("LATEUSDT", intervals=["1m"])
        return bool(browser.hear()["type"] == "subscribed")

    eventually(is_known)


DEEP = "[" * 8_000 + "]" * 8_000
BAD: list[tuple[Any, str]] = [
    ("", "not_json"),
    ("nonsense", "not_json"),
    ("[]", "not_json"),
    ("null", "not_json"),
    ("NaN", "not_json"),
    (DEEP, "not_json"),
    ('{"type":"subscribe","data":{"symbols":' + "[" * 4_000 + "]" * 4_000 + "}}", "not_json"),
    ('{"type":"subscribe","data":{"symbols":["A"],"since":NaN}}', "not_json"),
    ('{"type":"subscribe","data":{"symbols":["A"],"since":1e999}}', "not_json"),
    ('{"type":"\\ud800"}', "not_json"),
    (b'{"type":"ping"}', "not_text"),
    (b"\xff\xfe", "not_text"),
    (json.dumps({"type": "ping", "data": "x" * 16_384}), "too_long"),
    (json.dumps({"type": "ping", "data": "é" * 8_192}, ensure_ascii=False), "too_long"),
    ("{}", "unknown_type"),
    ('{"type":"SUBSCRIBE"}', "unknown_type"),
    ('{"type":["subscribe"]}', "unknown_type"),
    ('{"type":"subscribe"}', "bad_data"),
    ('{"type":"subscribe","data":[]}', "bad_data"),
    ('{"type":"subscribe","data":{}}', "bad_symbols"),
    ('{"type":"subscribe","data":{"symbols":"BTCUSDT"}}', "bad_symbols"),
    ('{"type":"subscribe","data":{"symbols":[1]}}', "bad_symbols"),
    ('{"type":"subscribe","data":{"symbols":[""]}}', "bad_symbols"),
    ('{"type":"subscribe","data":{"symbols":[["A"]]}}', "bad_symbols"),
    (json.dumps({"type": "subscribe", "data": {"symbols": ["A" * 65]}}), "bad_symbols"),
    ('{"type":"subscribe","data":{"symbols":[],"since":1}}', "bad_symbols"),
    ('{"type":"unsubscribe","data":{"symbols":{}}}', "bad_symbols"),
    ('{"type":"subscribe","data":{"symbols":["A"],"intervals":["2m"]}}', "bad_intervals"),
    ('{"type":"subscribe","data":{"symbols":["A"],"intervals":[]}}', "bad_intervals"),
    ('{"type":"subscribe","data":{"symbols":["A"],"intervals":"5m"}}', "bad_intervals"),
    ('{"type":"subscribe","data":{"symbols":["A"],"intervals":[{}]}}', "bad_intervals"),
    ('{"type":"subscribe","data":{"symbols":["A"],"since":-1}}', "bad_since"),
    ('{"type":"subscribe","data":{"symbols":["A"],"since":true}}', "bad_since"),
    ('{"type":"subscribe","data":{"symbols":["A"],"since":1.5}}', "bad_since"),
    ('{"type":"subscribe","data":{"symbols":["A"],"since":"1"}}', "bad_since"),
    ('{"type":"subscribe","data":{"symbols":["A"],"since":' + "9" * 40 + "}}", "bad_since"),
    ('{"type":"subscribe","data":{"symbols":["A"],"since":253370764800000}}', "bad_since"),
    ('{"type":"subscribe","data":{"symbols":["\\u0000","\'; DROP TABLE"]}}', "unknown_symbol"),
]


@pytest.mark.parametrize(("message", "code"), BAD, ids=[f"{code}-{index}" for index, (_, code) in enumerate(BAD)])
def test_a_mistake_is_an_error_frame_and_the_socket_goes_on(browser: Client, message: Any, code: str) -> None:
    browser.link.send(message)
    assert browser.error() == code
    browser.say("ping")
    assert browser.hear() == {"type": "pong"}


def test_a_message_of_16_kib_is_read(browser: Client) -> None:
    text = json.dumps({"type": "ping", "data": ""})
    browser.link.send(text[:-2] + "x" * (16_384 - len(text)) + text[-2:])
    assert browser.hear() == {"type": "pong"}


def test_a_thousand_symbols_are_served_and_one_more_is_an_error(browser: Client) -> None:
    Symbol.objects.bulk_create(Symbol(name=f"M{number}") for number in range(1_001))
    names = [f"M{number}" for number in range(1_001)]
    browser.subscribe(*names[:500])
    browser.subscribe(*names[500:1_000], intervals=["1m"])
    assert browser.hear()["type"] == "subscribed"
    browser.subscribe(names[1_000])
    assert browser.error() == "too_many_symbols"
    browser.say("unsubscribe", symbols=names[:1])
    browser.subscribe(names[1_000], intervals=["1m"])
    assert browser.hear()["type"] == "subscribed"


@pytest.mark.parametrize("origin", [None, "https://charts.example", "HTTPS://Charts.Example", "self"])
def test_an_allowed_page_gets_in(server: WebServer, origin: str | None) -> None:
    if origin == "self":
        origin = f"http://127.0.0.1:{server.port}"
    with client(server.port, additional_headers={"Origin": origin} if origin else {}) as one:
        one.say("ping")
        assert one.hear() == {"type": "pong"}


@pytest.mark.parametrize(
    "origin",
    [
        "https://elsewhere.example",
        "http://charts.example",
        "https://charts.example.evil.example",
        "null",
        "",
        "http://[",
    ],
)
def test_another_page_is_refused(server: WebServer, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused, client(server.port, additional_headers={"Origin": origin}):
        pass
    assert refused.value.response.status_code == 403


def test_a_name_that_was_made_to_point_here_is_refused(server: WebServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as link:
        link.sendall(
            b"GET /ws HTTP/1.1\r\nHost: rebound.example\r\nOrigin: http://rebound.example\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert link.recv(100).split()[1] == b"403"


@pytest.mark.parametrize("path", ["/", "/ws/", "/wss", "/api/klines/BTCUSDT", "/ws/../admin"])
def test_a_socket_at_another_address_is_refused(server: WebServer, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused, client(server.port, path):
        pass
    assert refused.value.response.status_code == 404
