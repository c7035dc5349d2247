"""The operator's wishes for symbols, from the command line."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from feeds import tasks
from feeds.fakebinance.server import FakeExchange
from market.domain.window import to_datetime
from market.models import Symbol
from market.services.symbols import symbol_track
from tests.support.candles import load, make_symbol, ms, random_frame
from tests.support.loading import Loader

pytestmark = pytest.mark.usefixtures("no_connection_outlives_its_test")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was sent to the worker; nothing is."""
    sent: list[str] = []
    monkeypatch.setattr(tasks.fill_history, "delay", lambda: sent.append("fill_history"))
    return sent


@pytest.fixture(autouse=True)
def fresh(
    load_from: Callable[[FakeExchange], Loader], exchange: FakeExchange, settings: Settings, told: list[str]
) -> Settings:
    """A database that has never been used, with an exchange that lists BTCUSDT."""
    load_from(exchange)
    settings.DATA_START = dt.date(2024, 4, 8)
    settings.TRACKED_SYMBOL = []
    return settings


def symbols(*arguments: str) -> str:
    """What the command writes."""
    out = io.StringIO()
    call_command("symbols", *arguments, stdout=out)
    return out.getvalue()


def tracked() -> list[str]:
    return list(Symbol.objects.filter(is_tracked=True).values_list("name", flat=True))


def test_sync_reads_the_exchanges_list() -> None:
    assert symbols("sync") == "the exchange's list is read, 1 symbols new or changed\n"
    assert Symbol.objects.get().status == "TRADING"
    assert symbols("sync") == "the exchange's list is read, 0 symbols new or changed\n"
    assert tracked() == []


def test_add_reads_the_list_by_itself_if_nobody_has(told: list[str]) -> None:
    out = symbols("add", "btcusdt")
    assert out.splitlines()[-1] == "BTCUSDT is tracked, its history from DATA_START on"
    assert (tracked(), told) == (["BTCUSDT"], ["fill_history"])


def test_add_leaves_a_list_that_is_known_alone(exchange: FakeExchange) -> None:
    make_symbol("BTCUSDT")
    exchange.requests.clear()
    symbols("add", "BTCUSDT")
    assert tracked() == ["BTCUSDT"]
    assert exchange.requests.entries() == []


def test_add_takes_the_day_where_the_history_begins() -> None:
    make_symbol("BTCUSDT")
    out = symbols("add", "BTCUSDT", "--from", "2024-03-05")
    assert out == "BTCUSDT is tracked, its history from 2024-03-05 on\n"
    assert Symbol.objects.get().backfill_from == to_datetime(ms("2024-03-05"))


def test_a_name_that_the_exchange_does_not_list_is_refused_with_what_to_do() -> None:
    with pytest.raises(CommandError, match="NOSUCHUSDT is not listed by the exchange: check its name; `symbols sync`"):
        symbols("add", "NOSUCHUSDT")
    assert tracked() == []


def test_with_the_archive_alone_any_name_is_taken(fresh: Settings) -> None:
    fresh.BINANCE_REST_URL = ""
    symbols("add", "OLDUSDT")
    assert tracked() == ["OLDUSDT"]


@pytest.mark.parametrize("name", ["", "A B", "../ETC", "A\nB", "X" * 65])
def test_with_the_archive_alone_a_text_that_can_be_no_name_is_refused(fresh: Settings, name: str) -> None:
    fresh.BINANCE_REST_URL = ""
    with pytest.raises(CommandError, match="cannot be a symbol: expected 1 to 64 characters without spaces"):
        symbols("add", name)
    assert not Symbol.objects.exists()


def test_sync_on_the_first_day_wishes_for_nothing(fresh: Settings) -> None:
    fresh.TRACKED_SYMBOL = ["BTCUSDT"]
    symbols("sync")
    assert tracked() == []


def test_with_the_archive_alone_there_is_no_list_to_read(fresh: Settings) -> None:
    fresh.BINANCE_REST_URL = ""
    with pytest.raises(CommandError, match="BINANCE_REST_URL is empty"):
        symbols("sync")


@pytest.mark.parametrize("arguments", [("sync",), ("add", "BTCUSDT")])
def test_an_exchange_that_is_away_is_said_with_what_to_do(exchange: FakeExchange, arguments: tuple[str, ...]) -> None:
    exchange.faults.add("server_error", match={"kind": "rest.*"}, params={"status": 503})
    with pytest.raises(CommandError, match=r"list could not be read: .* 503.*; try again, or check BINANCE_REST_URL"):
        symbols(*arguments)
    assert tracked() == []


@pytest.mark.parametrize(
    ("day", "complaint"),
    [("yesterday", "not a day of the form YYYY-MM-DD"), ("1969-12-31", "expected a day from 1970-01-01 to 9998-12-31")],
)
def test_a_day_that_cannot_be_is_refused(day: str, complaint: str) -> None:
    make_symbol("BTCUSDT")
    with pytest.raises(CommandError, match=complaint):
        symbols("add", "BTCUSDT", "--from", day)
    assert tracked() == []


def test_remove_stops_tracking_in_any_case(told: list[str]) -> None:
    make_symbol("BTCUSDT")
    symbol_track(name="BTCUSDT")
    told.clear()
    assert symbols("remove", "btcusdt") == "BTCUSDT is not tracked; its candles stay\n"
    assert (tracked(), told) == ([], ["fill_history"])


def test_a_name_that_is_not_known_cannot_be_removed() -> None:
    with pytest.raises(CommandError, match="NOSUCHUSDT is not known: `symbols list`"):
        symbols("remove", "nosuchusdt")


def test_list_names_the_tracked_symbols_and_how_far_each_has_come() -> None:
    make_symbol("ETHUSDT")
    symbol = make_symbol("BTCUSDT", tracked=True, delivery_at=to_datetime(ms("2024-04-10")))
    load(symbol, random_frame(1, ms("2024-04-08"), 1_440))
    assert symbols("list") == "BTCUSDT: history from 2024-04-08, 1 of 2 days done, 1,440 minutes\n"


def test_an_empty_list_says_how_to_begin() -> None:
    assert symbols("list") == "no symbol is tracked: `symbols add NAME` tracks one\n"


@pytest.mark.parametrize("arguments", [(), ("add",), ("remove",), ("forget", "BTCUSDT")])
def test_a_mistyped_command_is_refused(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match=r"required|invalid choice"):
        symbols(*arguments)
