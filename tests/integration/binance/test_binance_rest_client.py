"""The double's REST interface, healthy and not, through real sockets."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from feeds.binance.errors import (
    ApiError,
    Banned,
    ExchangeError,
    Forbidden,
    MalformedReply,
    RegionBlocked,
    ServerError,
    Throttled,
    UnknownSymbol,
    Unreachable,
)
from feeds.binance.pacing import LocalPacer
from feeds.binance.proxies import ProxyPool
from feeds.binance.rest import RestClient
from feeds.fakebinance.server import FakeExchange
from market.domain.window import MINUTE_MS, TimeWindow

DAY = TimeWindow.of_day(dt.date(2026, 3, 10))
KLINES = {"kind": "rest.klines"}


def window_of(minutes: int, *, end: int = DAY.end) -> TimeWindow:
    return TimeWindow(end - minutes * MINUTE_MS, end)


async def test_a_day_is_paged_and_equals_the_truth(exchange: FakeExchange, rest: RestClient) -> None:
    frame = await rest.klines("BTCUSDT", DAY)
    assert frame == exchange.truth.frame("BTCUSDT", DAY)
    pages = exchange.requests.entries(lambda entry: entry.kind == "rest.klines")
    assert [page.weight for page in pages] == [2, 2, 2]


async def test_a_short_window_costs_the_least_weight(exchange: FakeExchange, rest: RestClient) -> None:
    assert len(await rest.klines("BTCUSDT", window_of(99))) == 99
    pages = exchange.requests.entries(lambda entry: entry.kind == "rest.klines")
    assert [page.weight for page in pages] == [1]


async def test_an_empty_window_asks_for_nothing(exchange: FakeExchange, rest: RestClient) -> None:
    assert len(await rest.klines("BTCUSDT", window_of(0))) == 0
    assert exchange.requests.count("rest.klines") == 0


async def test_a_window_that_starts_within_a_minute_begins_with_the_next(
    exchange: FakeExchange, rest: RestClient
) -> None:
    frame = await rest.klines("BTCUSDT", TimeWindow(DAY.start + 1, DAY.start + 2 * MINUTE_MS))
    assert frame.time.tolist() == [DAY.start + MINUTE_MS]


async def test_a_symbol_beyond_ascii_is_asked_for(exchange: FakeExchange, rest: RestClient) -> None:
    frame = await rest.klines("币安人生USDT", window_of(5))
    assert frame == exchange.truth.frame("币安人生USDT", window_of(5))


async def test_the_forming_minute_never_comes(exchange: FakeExchange, rest: RestClient) -> None:
    now = exchange.clock.now()
    forming = now // MINUTE_MS * MINUTE_MS
    frame = await rest.klines("BTCUSDT", window_of(10, end=forming + 5 * MINUTE_MS))
    assert frame.time.tolist() == [forming - back * MINUTE_MS for back in (5, 4, 3, 2, 1)]


async def test_minutes_that_are_all_open_are_not_asked_for(exchange: FakeExchange, rest: RestClient) -> None:
    forming = exchange.clock.now() // MINUTE_MS * MINUTE_MS
    assert len(await rest.klines("BTCUSDT", TimeWindow(forming, forming + 5 * MINUTE_MS))) == 0
    assert exchange.requests.count("rest.klines") == 0


async def test_a_minute_that_has_just_ended_waits_until_it_has_settled(
    exchange: FakeExchange, rest: RestClient
) -> None:
    edge = exchange.clock.now() // MINUTE_MS * MINUTE_MS
    window = window_of(1, end=edge)
    exchange.clock.set(edge + 1_000)
    assert len(await rest.klines("BTCUSDT", window)) == 0
    exchange.clock.set(edge + 3_000)
    assert len(await rest.klines("BTCUSDT", window)) == 1


async def test_the_time_is_asked_for_only_when_it_matters(exchange: FakeExchange, rest: RestClient) -> None:
    for _ in range(3):
        await rest.klines("BTCUSDT", window_of(5))
    assert exchange.requests.count("rest.time") == 1


async def test_a_window_before_the_listing_is_empty(exchange: FakeExchange, rest: RestClient) -> None:
    window = TimeWindow.of_day(dt.date(2018, 1, 1))
    assert len(await rest.klines("BTCUSDT", window)) == 0


async def test_a_day_that_the_exchange_lacks_leaves_a_hole_and_not_an_end(
    exchange: FakeExchange, rest: RestClient
) -> None:
    exchange.faults.add("day_absent", params={"days": ["2026-03-10"]})
    around = TimeWindow(DAY.start - 60 * MINUTE_MS, DAY.end + 60 * MINUTE_MS)
    frame = await rest.klines("BTCUSDT", around)
    assert len(frame) == 120
    assert all(time not in DAY for time in frame.time.tolist())


async def test_an_unknown_symbol_is_named_as_such_at_once(exchange: FakeExchange, rest: RestClient) -> None:
    with pytest.raises(UnknownSymbol) as unknown:
        await rest.klines("NOPEUSDT", window_of(5))
    assert (unknown.value.code, unknown.value.status) == (-1121, 400)
    assert exchange.requests.count("rest.klines") == 1


async def test_the_list_of_symbols_reads_completely(exchange: FakeExchange, rest: RestClient) -> None:
    listing = await rest.exchange_info()
    assert {"BTCUSDT", "ETHUSDT", "币安人生USDT"} <= {symbol.name for symbol in listing.symbols}
    assert listing.skipped == []


async def test_the_server_s_time_is_the_exchange_s(exchange: FakeExchange, rest: RestClient) -> None:
    assert await rest.server_time() == exchange.clock.now()


@pytest.mark.parametrize(
    ("fault", "params"),
    [
        ("server_error", {}),
        ("server_error", {"status": 502, "body": "<html>Bad Gateway</html>"}),
        ("reset", {}),
        ("reset", {"fraction": 0.5}),
        ("forbidden", {}),
        ("challenge", {}),
        ("not_json", {}),
        ("status", {"status": 400, "body": '{"code":-1001,"msg":"Internal error"}'}),
        ("status", {"status": 200, "body": ""}),
        ("status", {"status": 200, "body": "{}"}),
        ("rate_limited", {"retry_after": 1}),
    ],
)
async def test_a_passing_failure_is_sat_out(
    exchange: FakeExchange, rest: RestClient, fault: str, params: dict[str, Any]
) -> None:
    exchange.faults.add(fault, match=KLINES, params=params, times=2)
    assert await rest.klines("BTCUSDT", window_of(60)) == exchange.truth.frame("BTCUSDT", window_of(60))
    assert exchange.requests.count("rest.klines") == 3


@pytest.mark.parametrize(
    ("fault", "params", "kind"),
    [
        ("server_error", {}, ServerError),
        ("reset", {}, Unreachable),
        ("forbidden", {}, Forbidden),
        ("not_json", {}, MalformedReply),
    ],
)
async def test_a_lasting_failure_is_raised_after_the_last_attempt(
    exchange: FakeExchange, rest: RestClient, fault: str, params: dict[str, Any], kind: type[ExchangeError]
) -> None:
    exchange.faults.add(fault, match=KLINES, params=params)
    with pytest.raises(kind):
        await rest.klines("BTCUSDT", window_of(5))
    assert exchange.requests.count("rest.klines") == 5


@pytest.mark.parametrize(
    ("fault", "params", "kind"),
    [
        ("geo_blocked", {}, RegionBlocked),
        ("status", {"status": 400, "body": '{"code":-1130,"msg":"limit"}'}, ApiError),
        ("banned", {"seconds": 3_600}, Banned),
        ("rate_limited", {"retry_after": 600}, Throttled),
    ],
)
async def test_what_waiting_does_not_heal_is_raised_at_once(
    exchange: FakeExchange, rest: RestClient, fault: str, params: dict[str, Any], kind: type[ExchangeError]
) -> None:
    exchange.faults.add(fault, match=KLINES, params=params)
    with pytest.raises(kind):
        await rest.klines("BTCUSDT", window_of(5))
    assert exchange.requests.count("rest.klines") == 1


async def test_nobody_on_the_address_sends_while_a_ban_lasts(exchange: FakeExchange, pool: ProxyPool) -> None:
    pacer = LocalPacer()
    exchange.faults.add("banned", match=KLINES, params={"seconds": 3_600}, times=1)
    with pytest.raises(Banned):
        await RestClient(exchange.url, pool, pacer).klines("BTCUSDT", window_of(5))
    sent = len(exchange.requests.entries())
    with pytest.raises(Throttled) as held_back:
        await RestClient(exchange.url, pool, pacer).exchange_info()
    assert 3_500 < held_back.value.retry_after_s <= 3_601
    assert len(exchange.requests.entries()) == sent


async def test_a_throttle_is_waited_for_as_long_as_it_says(exchange: FakeExchange, rest: RestClient, naps: Any) -> None:
    exchange.faults.add("rate_limited", match=KLINES, params={"retry_after": 2}, times=1)
    await rest.klines("BTCUSDT", window_of(5))
    assert max(naps.taken) >= 2.0


async def test_the_pacer_learns_the_weight_that_the_exchange_counts(exchange: FakeExchange, pool: ProxyPool) -> None:
    seen: list[tuple[str, int | None]] = []

    class Listening(LocalPacer):
        async def report(self, egress: str, *, used_weight: int | None, server_ms: int | None) -> None:
            seen.append((egress, used_weight))
            await super().report(egress, used_weight=used_weight, server_ms=server_ms)

    await RestClient(exchange.url, pool, Listening()).klines("BTCUSDT", DAY)
    assert seen == [("direct", 1), ("direct", 3), ("direct", 5), ("direct", 7)]
