"""Requests on an open connection, and their answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from feeds.fakebinance.subscriptions import Answer, Subscriptions, answer

BTC, ETH = "btcusdt@kline_1m", "ethusdt@kline_1m"


def subscriptions(*names: str) -> Subscriptions:
    return Subscriptions(combined=True, names=dict.fromkeys(names))


def ask(held: Subscriptions, method: str, *params: Any, number: Any = 7) -> Answer:
    return answer(held, json.dumps({"method": method, "params": list(params), "id": number}))


def test_a_subscription_is_acknowledged_and_held() -> None:
    held = subscriptions()
    assert ask(held, "SUBSCRIBE", BTC, ETH).text == b'{"result":null,"id":7}'
    assert list(held.names) == [BTC, ETH]


@pytest.mark.parametrize("name", ["BTCUSDT@kline_1m", "nothing@kline_1m", "btcusdt@nonsense", "币安人生usdt@kline_1m"])
def test_whatever_is_named_is_acknowledged_and_listed(name: str) -> None:
    held = subscriptions()
    assert ask(held, "SUBSCRIBE", name).text == b'{"result":null,"id":7}'
    listed = ask(held, "LIST_SUBSCRIPTIONS").text
    assert listed is not None
    assert json.loads(listed) == {"result": [name], "id": 7}


def test_leaving_a_stream_that_nobody_held_is_acknowledged() -> None:
    held = subscriptions(BTC)
    assert ask(held, "UNSUBSCRIBE", ETH).text == b'{"result":null,"id":7}'
    assert list(held.names) == [BTC]


def test_a_stream_that_is_left_is_held_no_more() -> None:
    held = subscriptions(BTC, ETH)
    ask(held, "UNSUBSCRIBE", BTC)
    assert list(held.names) == [ETH]


def test_a_stream_asked_for_twice_is_held_once() -> None:
    held = subscriptions(BTC)
    ask(held, "SUBSCRIBE", BTC)
    assert list(held.names) == [BTC]


def test_1024_streams_are_allowed() -> None:
    held = subscriptions()
    assert ask(held, "SUBSCRIBE", *(f"s{number}usdt@kline_1m" for number in range(1_024))).close is None


def test_one_stream_more_is_error_4_and_the_end_of_the_connection() -> None:
    held = subscriptions(*(f"s{number}usdt@kline_1m" for number in range(1_024)))
    reply = ask(held, "SUBSCRIBE", BTC, number=9)
    assert reply.text == b'{"error":{"code":4,"msg":"Too many subscriptions"},"id":9}'
    assert reply.close == (1008, "Invalid request")


@pytest.mark.parametrize("message", ["{", "", "[]", "12", b"\xff\x00"])
def test_what_is_no_json_object_ends_the_connection(message: bytes | str) -> None:
    reply = answer(subscriptions(), message)
    assert (reply.text, reply.close) == (None, (3001, "illegal request"))


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"method": "NONSENSE", "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": "btcusdt@kline_1m", "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": [], "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": [1], "id": 1}, 2),
        ({"method": "GET_PROPERTY", "params": ["colour"], "id": 1}, 0),
        ({"method": "SET_PROPERTY", "params": ["combined", "yes"], "id": 1}, 1),
        ({"method": "SET_PROPERTY", "params": ["combined"], "id": 1}, 1),
    ],
)
def test_a_wrong_request_is_refused_and_the_connection_stays(request_: dict[str, Any], code: int) -> None:
    reply = answer(subscriptions(), json.dumps(request_))
    assert reply.text is not None
    assert json.loads(reply.text)["error"]["code"] == code
    assert json.loads(reply.text)["id"] == 1
    assert reply.close is None


def test_the_wrapper_can_be_switched_off_and_asked_about() -> None:
    held = subscriptions()
    assert ask(held, "GET_PROPERTY", "combined").text == b'{"result":true,"id":7}'
    assert ask(held, "SET_PROPERTY", "combined", False).text == b'{"result":null,"id":7}'
    assert ask(held, "GET_PROPERTY", "combined").text == b'{"result":false,"id":7}'


def test_the_id_comes_back_as_it_was_sent() -> None:
    assert ask(subscriptions(), "LIST_SUBSCRIPTIONS", number="abc").text == b'{"result":[],"id":"abc"}'
