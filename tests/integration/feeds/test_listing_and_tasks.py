"""The first start, wishes and their nudges, the scheduled tasks, the commands."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Callable

import httpx
import pytest
from asgiref.sync import async_to_sync
from celery.exceptions import Retry
from django.core.management import CommandError, call_command
from kombu.exceptions import OperationalError
from pytest_django import Settings

from feeds import tasks
from feeds.fakebinance.server import FakeExchange
from feeds.listing import listing_start
from market.models import LedgerDay, Symbol
from market.services.claims import (
    confirm_runner_claim,
    confirm_runner_release,
    history_runner_claim,
    history_runner_release,
)
from market.services.symbols import symbol_track, symbol_untrack
from tests.support.candles import ms
from tests.support.database import no_database, query
from tests.support.loading import Loader, days

pytestmark = pytest.mark.usefixtures("no_connection_outlives_its_test")
BTC = "BTCUSDT"


@pytest.fixture
def delayed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of tasks that were sent to the broker; none is."""
    sent: list[str] = []
    for task in (tasks.fill_history, tasks.load_listing, tasks.confirm_history):
        monkeypatch.setattr(task, "delay", lambda name=task.name: sent.append(name))
    return sent


@pytest.fixture
def fresh(load_from: Callable[[FakeExchange], Loader], exchange: FakeExchange, settings: Settings) -> Settings:
    """A database that has never been used, with an exchange to reach."""
    load_from(exchange)
    settings.DATA_START = dt.date(2024, 4, 8)
    settings.TRACKED_SYMBOL = ["btcusdt"]
    return settings


def test_the_first_start_tracks_the_symbols_of_the_settings(fresh: Settings, delayed: list[str]) -> None:
    assert async_to_sync(listing_start)() == 1
    symbol = Symbol.objects.get()
    assert (symbol.name, symbol.is_tracked, symbol.status, str(symbol.tick_size).rstrip("0")) == (
        BTC,
        True,
        "TRADING",
        "0.1",
    )
    assert delayed == ["feeds.tasks.fill_history"]


def test_later_starts_leave_the_wishes_alone(fresh: Settings, delayed: list[str]) -> None:
    async_to_sync(listing_start)()
    symbol_track(name=BTC)
    LedgerDay.objects.create(symbol=Symbol.objects.get(), day=dt.date(2024, 4, 8), state="missing", expected=1_440)
    symbol_untrack(name=BTC)
    async_to_sync(listing_start)()
    assert not Symbol.objects.get().is_tracked


def test_a_name_in_the_settings_that_is_not_listed_tracks_nothing_and_is_said(
    fresh: Settings, delayed: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    fresh.TRACKED_SYMBOL = [BTC, "BTCUSDTT"]
    async_to_sync(listing_start)()
    assert not Symbol.objects.filter(is_tracked=True).exists()
    assert "BTCUSDTT is not listed by the exchange" in caplog.text


def test_a_symbol_whose_entry_cannot_be_read_goes_on_trading(load_from: Callable[[FakeExchange], Loader]) -> None:
    with FakeExchange.running(symbols=(BTC, "ETHUSDT")) as exchange:
        load_from(exchange)
        async_to_sync(listing_start)()
        listed = httpx.get(f"{exchange.url}/fapi/v1/exchangeInfo").json()
        for entry in listed["symbols"]:
            entry["filters"] = entry["filters"] if entry["symbol"] == BTC else []
        body = {"status": 200, "body": json.dumps(listed)}
        exchange.faults.add("status", match={"kind": "rest.exchangeInfo"}, params=body)
        async_to_sync(listing_start)()
    assert list(Symbol.objects.filter(delivery_at=None).values_list("name", flat=True)) == [BTC, "ETHUSDT"]


def test_where_only_the_archive_may_be_asked_any_name_is_tracked(fresh: Settings, delayed: list[str]) -> None:
    fresh.BINANCE_REST_URL = ""
    assert async_to_sync(listing_start)() == 0
    assert Symbol.objects.get(name=BTC).is_tracked


def test_where_only_the_archive_may_be_asked_a_name_that_can_be_none_is_said(
    fresh: Settings, delayed: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    fresh.BINANCE_REST_URL = ""
    fresh.TRACKED_SYMBOL = [BTC, "../BTC"]
    async_to_sync(listing_start)()
    assert not Symbol.objects.filter(is_tracked=True).exists()
    assert "TRACKED_SYMBOL: '../BTC' cannot be a symbol" in caplog.text


def test_a_wish_is_told_to_the_worker_after_the_commit(fresh: Settings, delayed: list[str]) -> None:
    Symbol.objects.create(name=BTC, status="TRADING")
    symbol_track(name=BTC)
    symbol_track(name=BTC)
    symbol_untrack(name=BTC)
    assert delayed == ["feeds.tasks.fill_history"] * 2, "a wish that changes nothing is not told"


def test_a_broker_that_is_away_does_not_stop_a_wish(
    fresh: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> None:
        raise OperationalError("connection refused")

    Symbol.objects.create(name=BTC, status="TRADING")
    monkeypatch.setattr(tasks.fill_history, "delay", away)
    assert symbol_track(name=BTC).is_tracked
    assert "the worker could not be told" in caplog.text


def test_the_tasks_fill_and_confirm_what_is_tracked(
    fresh: Settings, delayed: list[str], exchange: FakeExchange
) -> None:
    tasks.load_listing()
    tasks.fill_history()
    window = days("2024-04-08", "2024-04-09")
    assert query("SELECT count(*) FROM candle_1m") == [(2 * 1_440 + 720,)]
    exchange.clock.set(ms("2024-04-11T12:00:05"))
    tasks.fill_history()
    tasks.confirm_history()
    states = dict(LedgerDay.objects.values_list("day", "state"))
    assert states == {
        dt.date(2024, 4, 8): "archive",
        dt.date(2024, 4, 9): "archive",
        dt.date(2024, 4, 10): "archive",
        dt.date(2024, 4, 11): "partial",
    }
    assert window.minutes == 2 * 1_440


@pytest.mark.django_db(transaction=True)
def test_a_task_that_gives_up_on_a_database_that_is_away_says_so_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with no_database(), caplog.at_level("INFO", logger="celery.app.trace"):
        assert tasks.run_job.apply(retries=tasks.run_job.max_retries).state == "FAILURE"
    (said,) = (record for record in caplog.records if record.name == "celery.app.trace")
    assert (said.levelname, said.exc_info) == ("INFO", None)
    assert "run_job" in said.getMessage()


def test_a_second_worker_leaves_a_run_alone(
    fresh: Settings, delayed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async_to_sync(listing_start)()
    assert history_runner_claim()
    try:
        tasks.fill_history()
        assert query("SELECT count(*) FROM candle_1m") == [(0,)]
    finally:
        history_runner_release()
    tasks.fill_history()
    assert query("SELECT count(*) > 0 FROM candle_1m") == [(True,)]


def test_backfill_says_what_it_did_and_fails_if_something_is_left(loader: Loader, exchange: FakeExchange) -> None:
    out = io.StringIO()
    call_command("backfill", BTC, "--from", "2024-04-01", "--to", "2024-04-03", stdout=out)
    assert "1 months done" in out.getvalue()
    assert "4,320 new" in out.getvalue()
    exchange.faults.add("server_error", match={"kind": "archive.*"}, params={"status": 503})
    with pytest.raises(CommandError, match="left for a later run"):
        call_command("backfill", "--from", "2024-03-01", "--to", "2024-03-02", stdout=out)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("NOSUCHUSDT",), "not known: NOSUCHUSDT"),
        (("--from", "2024-04-05", "--to", "2024-04-01"), "must not lie after"),
        (("--from", "yesterday"), "not a day of the form YYYY-MM-DD"),
    ],
)
def test_a_mistyped_command_is_refused(loader: Loader, arguments: tuple[str, ...], complaint: str) -> None:
    for command in ("backfill", "verify"):
        with pytest.raises(CommandError, match=complaint):
            call_command(command, *arguments)


def test_verify_answers_with_its_exit_code(loader: Loader) -> None:
    out = io.StringIO()
    call_command("backfill", BTC, "--from", "2024-04-01", "--to", "2024-04-02", stdout=out)
    call_command("verify", BTC, "--from", "2024-04-01", "--to", "2024-04-02", stdout=out)
    assert out.getvalue().endswith("everything agrees\n")
    query("DELETE FROM candle_1m WHERE time = '2024-04-01 00:00+00' RETURNING 1")
    with pytest.raises(CommandError, match="findings"):
        call_command("verify", BTC, "--from", "2024-04-01", "--to", "2024-04-02", stdout=out)


def test_the_daily_look_for_files_published_anew_is_not_lost_to_an_hourly_run(fresh: Settings) -> None:
    """Where the one begins while the other is at it, so it does the next day."""
    assert confirm_runner_claim()
    try:
        with pytest.raises(Retry):
            tasks.confirm_history.apply(kwargs={"reissues": True}, throw=True)
        assert tasks.confirm_history.apply().state == "SUCCESS"
    finally:
        confirm_runner_release()
