"""The list of symbols, the wish to collect some of them, and who hears of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from market.domain.listing import ListedSymbol
from market.domain.window import LATEST_MS, to_datetime
from market.models import Symbol
from market.services.symbols import (
    ListNotLoaded,
    NotListed,
    symbol_track,
    symbol_untrack,
    symbols_seed,
    symbols_sync,
)
from market.signals import symbol_wish_changed
from tests.support.candles import load, make_symbol, ms, random_frame

pytestmark = pytest.mark.django_db


def listing(name: str = "BTCUSDT", **changes: Any) -> ListedSymbol:
    values = {
        "status": "TRADING",
        "contract_type": "PERPETUAL",
        "base_asset": name.removesuffix("USDT"),
        "quote_asset": "USDT",
        "tick_size": Decimal("0.10"),
        "step_size": Decimal("0.001"),
        "onboard_ms": ms("2019-09-08"),
        "delivery_ms": None,
    }
    return ListedSymbol(name=name, **{**values, **changes})


@pytest.fixture
def heard() -> Iterator[list[tuple[str, bool]]]:
    """(name, is_tracked) of every signal."""
    signals: list[tuple[str, bool]] = []

    def listen(sender: object, symbol: Symbol, **_: object) -> None:
        signals.append((symbol.name, symbol.is_tracked))

    symbol_wish_changed.connect(listen)
    yield signals
    symbol_wish_changed.disconnect(listen)


def at(day: str) -> dt.datetime:
    return to_datetime(ms(day))


def test_a_sync_stores_what_is_listed() -> None:
    assert symbols_sync(listed=[listing(), listing("币安人生USDT", delivery_ms=ms("2025-01-01"))]) == 2
    symbol = Symbol.objects.get(name="BTCUSDT")
    assert (symbol.status, symbol.contract_type, symbol.base_asset, symbol.quote_asset) == (
        "TRADING",
        "PERPETUAL",
        "BTC",
        "USDT",
    )
    assert (symbol.tick_size, symbol.step_size) == (Decimal("0.1"), Decimal("0.001"))
    assert (symbol.onboard_at, symbol.delivery_at) == (at("2019-09-08"), None)
    assert Symbol.objects.get(name="币安人生USDT").delivery_at == at("2025-01-01")


def test_a_second_sync_of_the_same_list_changes_nothing() -> None:
    symbols_sync(listed=[listing(), listing("ETHUSDT")])
    assert symbols_sync(listed=[listing(), listing("ETHUSDT")]) == 0


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"status": "SETTLING"}, "status", "SETTLING"),
        ({"tick_size": Decimal("0.01")}, "tick_size", Decimal("0.01")),
        ({"step_size": Decimal(1)}, "step_size", Decimal(1)),
        ({"delivery_ms": ms("2025-06-01")}, "delivery_at", to_datetime(ms("2025-06-01"))),
        ({"onboard_ms": ms("2020-01-01")}, "onboard_at", to_datetime(ms("2020-01-01"))),
        ({"contract_type": "CURRENT_QUARTER"}, "contract_type", "CURRENT_QUARTER"),
    ],
)
def test_a_sync_takes_over_what_changed(changes: dict[str, Any], field: str, value: object) -> None:
    symbols_sync(listed=[listing(), listing("ETHUSDT")])
    assert symbols_sync(listed=[listing(**changes), listing("ETHUSDT")]) == 1
    assert getattr(Symbol.objects.get(name="BTCUSDT"), field) == value


def test_a_sync_keeps_number_wish_and_start() -> None:
    symbol = make_symbol("BTCUSDT", tracked=True, backfill_from=at("2024-02-01"))
    symbols_sync(listed=[listing()])
    synced = Symbol.objects.get(name="BTCUSDT")
    assert (synced.id, synced.is_tracked, synced.backfill_from) == (symbol.id, True, at("2024-02-01"))


def test_a_symbol_that_left_the_list_keeps_its_row() -> None:
    symbols_sync(listed=[listing(), listing("ETHUSDT")])
    symbols_sync(listed=[listing("ETHUSDT")])
    assert Symbol.objects.get(name="BTCUSDT").status == "TRADING"


def test_the_life_of_a_symbol_begins_with_the_minute_of_its_listing() -> None:
    symbols_sync(listed=[listing(onboard_ms=ms("2024-01-01T10:00:30"))])
    life = Symbol.objects.get().life
    assert (life.start, life.end) == (ms("2024-01-01T10:00"), LATEST_MS)


def test_tracking_is_announced_once_and_after_the_commit(
    heard: list[tuple[str, bool]], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    make_symbol()
    with django_capture_on_commit_callbacks(execute=True):
        symbol_track(name="btcusdt")
        symbol_track(name="BTCUSDT")
        assert heard == []
    assert heard == [("BTCUSDT", True)]


@pytest.mark.django_db(transaction=True)
def test_a_wish_that_is_rolled_back_is_not_announced(heard: list[tuple[str, bool]]) -> None:
    make_symbol()
    with transaction.atomic():
        symbol_track(name="BTCUSDT")
        transaction.set_rollback(True)
    assert heard == []
    symbol_track(name="BTCUSDT")
    assert heard == [("BTCUSDT", True)]


def test_untracking_is_announced_once(
    heard: list[tuple[str, bool]], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    make_symbol(tracked=True)
    with django_capture_on_commit_callbacks(execute=True):
        symbol_untrack(name="btcusdt")
        symbol_untrack(name="BTCUSDT")
    assert heard == [("BTCUSDT", False)]


@pytest.mark.parametrize(
    ("given", "wished", "kept"),
    [
        (None, None, None),
        (None, "2024-03-01", None),  # DATA_START is earlier
        (None, "2023-03-01", "2023-03-01"),
        ("2024-03-01", None, "2024-03-01"),
        ("2024-03-01", "2024-04-01", "2024-03-01"),
        ("2024-03-01", "2024-02-01", "2024-02-01"),
    ],
)
def test_a_tracked_symbol_reaches_back_as_far_as_anyone_wished(
    given: str | None, wished: str | None, kept: str | None, settings: Settings
) -> None:
    settings.DATA_START = dt.date(2024, 1, 1)
    make_symbol(tracked=True, backfill_from=given and at(given))
    symbol_track(name="BTCUSDT", backfill_from=at(wished) if wished else None)
    assert Symbol.objects.get().backfill_from == (at(kept) if kept else None)


def test_a_symbol_that_is_tracked_anew_takes_the_new_start() -> None:
    make_symbol(tracked=False, backfill_from=at("2024-03-01"))
    symbol_track(name="BTCUSDT", backfill_from=at("2024-04-01"))
    assert Symbol.objects.get().backfill_from == at("2024-04-01")


def test_reaching_further_back_is_announced(
    heard: list[tuple[str, bool]], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    make_symbol(tracked=True, backfill_from=at("2024-03-01"))
    with django_capture_on_commit_callbacks(execute=True):
        symbol_track(name="BTCUSDT", backfill_from=at("2024-02-01"))
    assert heard == [("BTCUSDT", True)]


def test_a_name_that_is_not_listed_is_refused_and_leaves_no_row() -> None:
    make_symbol()
    with pytest.raises(NotListed, match="NOSUCHUSDT"):
        symbol_track(name="nosuchusdt")
    assert not Symbol.objects.filter(name="NOSUCHUSDT").exists()


def test_without_a_list_no_name_can_be_refused_for_good() -> None:
    with pytest.raises(ListNotLoaded):
        symbol_track(name="BTCUSDT")


def test_with_the_archive_alone_any_name_is_taken() -> None:
    assert symbol_track(name="oldusdt", must_be_listed=False).name == "OLDUSDT"


def test_nothing_is_untracked_under_an_unknown_name() -> None:
    assert symbol_untrack(name="NOSUCHUSDT") is None


def test_the_first_start_tracks_the_names_of_the_settings() -> None:
    make_symbol("BTCUSDT")
    make_symbol("ETHUSDT")
    assert [symbol.name for symbol in symbols_seed(names=["btcusdt", "ETHUSDT"])] == ["BTCUSDT", "ETHUSDT"]
    assert Symbol.objects.filter(is_tracked=True).count() == 2


def test_a_wish_that_was_taken_back_at_once_is_not_made_again_by_the_settings() -> None:
    make_symbol("BTCUSDT")
    symbols_seed(names=["BTCUSDT"])
    symbol_untrack(name="BTCUSDT")
    assert symbols_seed(names=["BTCUSDT"]) == []
    assert not Symbol.objects.get().is_tracked


def test_a_symbol_that_has_left_the_list_ends() -> None:
    symbol = make_symbol("BTCUSDT")
    symbols_sync(listed=[listing("ETHUSDT")])
    symbol.refresh_from_db()
    assert symbol.delivery_at is not None


def test_a_later_start_leaves_the_table_alone_even_if_nothing_is_tracked_any_more() -> None:
    symbol = make_symbol("BTCUSDT")
    load(symbol, random_frame(1, ms("2024-01-01"), 1))
    assert symbols_seed(names=["BTCUSDT"]) == []
    assert not Symbol.objects.get().is_tracked
