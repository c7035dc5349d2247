"""Clients that do not keep up."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from market.live.outbox import MAX_CLOSED
from tests.support.candles import ms
from tests.support.push import Client, Collector, Market, client
from tests.support.web_server import WebServer

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def lazy_client(port: int) -> Iterator[Client]:
    """Takes little from the network before it is asked to read."""
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    link.connect(("127.0.0.1", port))
    with connect(f"ws://127.0.0.1:{port}/ws", sock=link, compression=None, max_queue=1, ping_interval=None) as ws:
        yield Client(ws)


def read_to_the_end(one: Client, seen: list[int]) -> None:
    while True:
        seen += [bar["timestamp"] for bar in one.bars(1)]


def test_a_client_that_reads_late_gets_all_closed_bars_and_the_newest_forming_one(
    server: WebServer, publisher: Collector
) -> None:
    market = Market(publisher, ms("2024-03-05T00:00"), 600)
    market.store(0, 10)
    with lazy_client(server.port) as one, client(server.port) as other:
        for each in (one, other):
            each.subscribe(market.name)
            each.settle()
        for index in range(10, 600):
            market.publish(*(market.forming(index, float(volume)) for volume in range(1, 12)), market.closed(index))
        market.publish(market.forming(599, 7.5))
        assert [bar["timestamp"] for bar in other.bars(590, closed=True)] == [market.time(i) for i in range(10, 600)]
        bars: list[dict[str, Any]] = []
        while len(bars) < 590:
            bars += one.bars(1, closed=True)
        assert [bar["timestamp"] for bar in bars] == [market.time(i) for i in range(10, 600)]


def test_a_client_that_stays_behind_is_closed_with_1013_and_others_go_on(
    server: WebServer, publisher: Collector
) -> None:
    minutes = 3 * MAX_CLOSED
    market = Market(publisher, ms("2024-03-05T00:00"), minutes)
    market.store(0, 10)
    with lazy_client(server.port) as one, client(server.port) as other:
        for each in (one, other):
            each.subscribe(market.name)
            each.settle()
        took = 0
        for first in range(10, minutes - 500, 500):
            market.publish(*(market.closed(index) for index in range(first, first + 500)))
            took += len(other.bars(500, closed=True))
        assert took >= 2 * MAX_CLOSED
        seen: list[int] = []
        with pytest.raises(ConnectionClosed) as closed:
            read_to_the_end(one, seen)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1013
    # What it got before has no hole.
    assert seen == [market.time(10 + index) for index in range(len(seen))]
