"""A server or a network that misbehaves: what is transient is waited out, what lasts leaves the month for later."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings
from redis import Redis

from feeds.binance.endpoints import daily_path
from feeds.binance.errors import Unreachable
from feeds.binance.retries import ATTEMPTS
from feeds.fakebinance.server import FakeExchange
from market.domain.window import DAY_MS, TimeWindow, day_of
from market.models import LedgerDay
from tests.support.forward_proxy import PASSWORD, USER, forward_proxy, neighbours
from tests.support.loading import Loader, days, entry_of, month, states_of

BTC = "BTCUSDT"
DAY = "2024-02-29"
ONE_DAY = days(DAY, DAY)
ITS_FILE = daily_path(BTC, dt.date(2024, 2, 29))
THREE_DAYS = days("2024-02-27", DAY)
A_DAY = 1_440
REST = {"kind": "rest.klines"}
ARCHIVE = {"kind": "archive.*"}


def only_rest(exchange: FakeExchange) -> None:
    exchange.faults.add("not_found", match=ARCHIVE)


def forget_the_pace(settings: Settings) -> None:
    """As if the time for which the exchange asked to stay away had passed."""
    with contextlib.closing(Redis.from_url(settings.REDIS_URL)) as redis:
        redis.flushdb()


def test_too_many_requests_are_answered_with_the_wait_that_was_asked_for(
    loader: Loader, exchange: FakeExchange
) -> None:
    only_rest(exchange)
    exchange.faults.add("rate_limited", match=REST, params={"retry_after": 1}, times=2)
    loader.load(ONE_DAY, BTC)
    loader.assert_truth(ONE_DAY, BTC)
    requests = exchange.requests.entries(lambda entry: entry.kind == "rest.klines")
    assert [entry.status for entry in requests] == [429, 429, 200, 200, 200]
    waits = [after.real_s - before.real_s for before, after in itertools.pairwise(requests)]
    assert min(waits[:2]) >= 0.99


@pytest.mark.parametrize("says_when", [True, False], ids=["Retry-After", "banned until"])
def test_a_short_ban_is_sat_out(loader: Loader, exchange: FakeExchange, says_when: bool) -> None:
    # An end given as a time is worth something only if both clocks agree, as they do with the real exchange.
    now = dt.datetime.now(dt.UTC)
    exchange.clock.set(int(now.timestamp() * 1_000))
    yesterday = str(now.date() - dt.timedelta(days=1))
    only_rest(exchange)
    exchange.faults.add("banned", match=REST, params={"seconds": 3, "retry_after": says_when}, times=1)
    loader.load(days(yesterday, yesterday), BTC)
    loader.assert_truth(days(yesterday, yesterday), BTC)
    refused, answered, *_ = exchange.requests.entries(lambda entry: entry.kind == "rest.klines")
    assert (refused.status, answered.status) == (418, 200)
    # HTTP dates are whole seconds.
    assert answered.real_s - refused.real_s >= 1.9


def test_a_long_ban_leaves_the_day_for_later(loader: Loader, exchange: FakeExchange, settings: Settings) -> None:
    exchange.faults.add("not_found", match={"day": DAY})
    ban = exchange.faults.add("banned", match=REST, params={"seconds": 3_600})
    done = loader.load(THREE_DAYS, BTC)
    assert done.failed == 1
    assert "banned" in done.errors[0]
    entry = entry_of(BTC, DAY)
    assert (entry.state, entry.is_settled) == ("missing", False)
    assert "has banned this address until" in entry.note
    assert states_of(BTC) == {"archive": 2, "missing": 1}
    assert exchange.requests.count("rest.klines") == 1
    exchange.faults.remove(ban.id)
    forget_the_pace(settings)
    assert loader.load(THREE_DAYS, BTC).failed == 0
    loader.assert_truth(THREE_DAYS, BTC)
    assert states_of(BTC) == {"archive": 2, "rest": 1}


def test_nobody_asks_while_the_ban_lasts(loader: Loader, exchange: FakeExchange) -> None:
    only_rest(exchange)
    exchange.faults.add("banned", match=REST, params={"seconds": 3_600}, times=1)
    loader.load(ONE_DAY, BTC)
    loader.load(ONE_DAY, BTC)
    assert exchange.requests.count("rest.klines") == 1
    assert entry_of(BTC, DAY).is_settled is False


@pytest.mark.parametrize("fault", ["server_error", "reset", "forbidden", "challenge"])
@pytest.mark.parametrize("match", [ARCHIVE, REST], ids=["archive", "rest"])
def test_a_fault_that_passes_is_waited_out(
    loader: Loader, exchange: FakeExchange, fault: str, match: dict[str, str]
) -> None:
    exchange.faults.add(fault, match=match, times=2)
    if match is REST:
        only_rest(exchange)
    loader.load(ONE_DAY, BTC)
    loader.assert_truth(ONE_DAY, BTC)
    assert states_of(BTC) == {"rest" if match is REST else "archive": 1}


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.99])
def test_a_download_that_is_reset_in_the_middle_is_begun_anew(
    loader: Loader, exchange: FakeExchange, fraction: float
) -> None:
    exchange.faults.add("reset", match={"kind": "archive.zip"}, params={"fraction": fraction}, times=2)
    loader.load(ONE_DAY, BTC)
    loader.assert_truth(ONE_DAY, BTC)
    assert loader.fetched(ITS_FILE) == 3
    assert states_of(BTC) == {"archive": 1}


def test_a_reply_that_is_reset_in_the_middle_is_asked_for_anew(loader: Loader, exchange: FakeExchange) -> None:
    only_rest(exchange)
    exchange.faults.add("reset", match=REST, params={"fraction": 0.5}, times=1, skip=1)
    loader.load(ONE_DAY, BTC)
    loader.assert_truth(ONE_DAY, BTC)


def test_a_page_in_place_of_candles_is_asked_for_anew(loader: Loader, exchange: FakeExchange) -> None:
    only_rest(exchange)
    exchange.faults.add("not_json", match=REST, times=2)
    loader.load(ONE_DAY, BTC)
    loader.assert_truth(ONE_DAY, BTC)


def test_a_slow_body_is_waited_for(loader: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("slow", match={"kind": "archive.zip"}, params={"bytes_per_second": 60_000})
    loader.load(ONE_DAY, BTC)
    loader.assert_truth(ONE_DAY, BTC)
    assert loader.asked() == [f"/{ITS_FILE}"]


@pytest.mark.parametrize("fault", ["server_error", "reset", "forbidden"])
def test_an_archive_that_stays_broken_leaves_the_month_for_later(
    loader: Loader, exchange: FakeExchange, fault: str
) -> None:
    broken = exchange.faults.add(fault, match=ARCHIVE)
    done = loader.load(ONE_DAY, BTC)
    assert (done.failed, done.rows) == (1, 0)
    entry = entry_of(BTC, DAY)
    assert (entry.state, entry.is_settled) == ("missing", False)
    assert entry.note
    # Who cannot be reached has not said that it does not have the day.
    assert exchange.requests.count("rest.klines") == 0
    exchange.faults.remove(broken.id)
    assert loader.load(ONE_DAY, BTC).failed == 0
    loader.assert_truth(ONE_DAY, BTC)
    assert states_of(BTC) == {"archive": 1}


def test_one_day_that_cannot_be_fetched_does_not_keep_the_others(loader: Loader, exchange: FakeExchange) -> None:
    broken = exchange.faults.add("server_error", match={"day": "2024-02-28"})
    assert loader.load(THREE_DAYS, BTC).failed == 1
    assert states_of(BTC) == {"archive": 2, "missing": 1}
    exchange.faults.remove(broken.id)
    exchange.requests.clear()
    assert loader.load(THREE_DAYS, BTC).failed == 0
    assert loader.asked() == [f"/{daily_path(BTC, dt.date(2024, 2, 28))}"]
    loader.assert_truth(THREE_DAYS, BTC)


def test_where_rest_is_blocked_the_archive_goes_on(loader: Loader, exchange: FakeExchange) -> None:
    blocked = exchange.faults.add("geo_blocked", match={"kind": "rest.*"})
    missing = exchange.faults.add("not_found", match={"day": "2024-02-28"})
    done = loader.load(THREE_DAYS, BTC)
    assert done.failed == 1
    assert states_of(BTC) == {"archive": 2, "missing": 1}
    entry = entry_of(BTC, "2024-02-28")
    assert "does not serve this region (451)" in entry.note
    assert entry.is_settled is False
    exchange.faults.remove(missing.id)
    assert loader.load(THREE_DAYS, BTC).failed == 0
    loader.assert_truth(THREE_DAYS, BTC)
    assert exchange.faults.hits(blocked.id) > 0


def test_without_a_rest_address_the_archive_alone_is_asked(
    loader: Loader, exchange: FakeExchange, settings: Settings
) -> None:
    settings.BINANCE_REST_URL = ""
    exchange.faults.add("missing_days", match={"tier": "monthly"}, params={"days": ["2024-02-04"]})
    exchange.faults.add("day_absent", params={"days": ["2024-02-07"]})
    loader.load(month("2024-02"), BTC)
    loader.assert_truth(month("2024-02"), BTC)
    assert [entry.kind for entry in exchange.requests.entries() if entry.kind.startswith("rest")] == []
    # The archive was asked for this day years ago by now: it will not have it any more.
    assert entry_of(BTC, "2024-02-07").state == "empty"
    assert states_of(BTC) == {"archive": 28, "empty": 1}


def test_without_a_rest_address_a_late_daily_file_is_waited_for(
    loader: Loader, exchange: FakeExchange, settings: Settings
) -> None:
    settings.BINANCE_REST_URL = ""
    today = dt.datetime.now(dt.UTC).date()
    last_week = [str(today - dt.timedelta(days=back)) for back in (4, 3, 2)]
    exchange.clock.set(int(dt.datetime.now(dt.UTC).timestamp() * 1_000))
    late = exchange.faults.add("not_found", match={"day": last_week[1]})
    window = days(last_week[0], last_week[2])
    loader.load(window, BTC)
    entry = entry_of(BTC, last_week[1])
    assert (entry.state, entry.is_settled) == ("missing", False)
    exchange.faults.remove(late.id)
    loader.load(window, BTC)
    loader.assert_truth(window, BTC)


def two_days(exchange: FakeExchange) -> TimeWindow:
    """The exchange's today and tomorrow: minutes that are there, and minutes that are not over."""
    today = TimeWindow.of_day(day_of(exchange.clock.now()))
    return TimeWindow(today.start, today.end + DAY_MS)


@pytest.mark.parametrize("rest", ["answers", "answers late", "there is none"])
def test_a_day_that_is_not_over_at_the_exchange_stays_open_whatever_our_clock_says(
    loader: Loader, exchange: FakeExchange, settings: Settings, rest: str
) -> None:
    """This machine's clock is years ahead of the double's."""
    if rest == "answers late":
        exchange.faults.add("server_error", match={"kind": "rest.time"}, times=ATTEMPTS)
    elif rest == "there is none":
        settings.BINANCE_REST_URL = ""
    loader.load(two_days(exchange), BTC)
    assert not LedgerDay.objects.filter(is_settled=True).exists()
    assert not LedgerDay.objects.filter(day__gt=day_of(exchange.clock.now())).exists()
    exchange.clock.advance(2 * DAY_MS)
    yesterday = day_of(exchange.clock.now() - DAY_MS)
    settings.BINANCE_REST_URL = exchange.url
    loader.load(days(str(yesterday - dt.timedelta(days=1)), str(yesterday)), BTC)
    loader.assert_truth(days(str(yesterday - dt.timedelta(days=1)), str(yesterday)), BTC)


def test_while_nobody_tells_the_time_nothing_is_loaded(loader: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("reset", match={"kind": "*"})
    with pytest.raises(Unreachable):
        loader.load(ONE_DAY, BTC)
    assert not LedgerDay.objects.exists()
    with pytest.raises(CommandError, match=r"the exchange does not answer: .* try again"):
        call_command("backfill", BTC)


@pytest.fixture
def proxy_ports(tmp_path: Path) -> Iterator[range]:
    """Five neighbouring ports: a forward proxy listens on the second and the third, nobody on the others."""
    with contextlib.ExitStack() as held:
        ports = neighbours(held, 5)
        first: int = ports[0].getsockname()[1]
        for free in ports[1:3]:
            free.close()
        held.enter_context(forward_proxy(tmp_path / "proxy.log", first + 1, ports=2))
        yield range(first, first + 5)


@pytest.fixture
def dead_ports() -> Iterator[range]:
    """Two neighbouring ports that refuse connections."""
    with contextlib.ExitStack() as held:
        first: int = neighbours(held, 2)[0].getsockname()[1]
        yield range(first, first + 2)


def test_dead_proxies_rest_while_the_others_load(
    loader: Loader,
    exchange: FakeExchange,
    settings: Settings,
    proxy_ports: range,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.PROXY = {
        "host": "127.0.0.1",
        "port_start": proxy_ports[0],
        "port_end": proxy_ports[-1],
        "username": USER,
        "password": PASSWORD,
    }
    with caplog.at_level(logging.DEBUG):
        done = loader.load(days("2024-03-01", "2024-03-04"), BTC)
    assert (done.failed, done.files) == (0, 4)
    loader.assert_truth(days("2024-03-01", "2024-03-04"), BTC)
    assert states_of(BTC) == {"archive": 4}
    assert "rests" in caplog.text
    assert PASSWORD not in caplog.text


def test_with_every_proxy_dead_nothing_is_settled(
    loader: Loader, settings: Settings, dead_ports: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.binance.proxies.FIRST_REST_S", 0.05)
    monkeypatch.setattr("feeds.binance.proxies.LONGEST_REST_S", 0.1)
    settings.PROXY = {"host": "127.0.0.1", "port_start": dead_ports[0], "port_end": dead_ports[-1]}
    with pytest.raises(Unreachable):
        loader.load(ONE_DAY, BTC)
    assert not LedgerDay.objects.filter(is_settled=True).exists()
    settings.PROXY = None
    assert loader.load(ONE_DAY, BTC).failed == 0
    loader.assert_truth(ONE_DAY, BTC)
