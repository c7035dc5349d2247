"""Driving history loads in tests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from tenacity import RetryCallState

from feeds.backfill import Totals
from feeds.exchange import open_exchange
from feeds.fakebinance.server import FakeExchange
from feeds.fakebinance.visits import CHECKSUM_SUFFIX
from feeds.processes import WorkerPool
from market.domain.window import Month, TimeWindow, day_start
from market.models import LedgerDay, Symbol
from market.services.symbols import symbol_track, symbols_sync
from tests.support.oracle import assert_equals_truth


def no_wait(_state: RetryCallState) -> float:
    """The wait of an impatient retry policy."""
    return 0.0


def reuse_processes(monkeypatch: pytest.MonkeyPatch, running: WorkerPool) -> None:
    """Let every pool that is opened during the test work with the processes of a running one, and leave them alone."""

    async def enter(_: WorkerPool) -> WorkerPool:
        return running

    async def leave(*_: object) -> None:
        return None

    monkeypatch.setattr(WorkerPool, "__aenter__", enter)
    monkeypatch.setattr(WorkerPool, "__aexit__", leave)


class Loader:
    """Loads history from one double and asks the questions that follow."""

    def __init__(self, exchange: FakeExchange, run: Callable[..., Totals]) -> None:
        self.exchange = exchange
        self._run = run

    def track(self, *names: str) -> list[Symbol]:
        """Read the exchange's list, as the product does, and wish for these symbols."""
        symbols_sync(listed=async_to_sync(_listed)())
        return [symbol_track(name=name) for name in names]

    def load(self, window: TimeWindow | None, *names: str) -> Totals:
        """Load the window (the whole wanted history for None) of these tracked symbols."""
        symbols = list(Symbol.objects.filter(name__in=names))
        assert len(symbols) == len(names), f"not all of {names} are known: {symbols}"
        return self._run(symbols=symbols, limits=window)

    def track_and_load(self, window: TimeWindow, *names: str) -> Totals:
        self.track(*names)
        return self.load(window, *names)

    def assert_truth(self, window: TimeWindow, *names: str) -> None:
        assert_equals_truth(self.exchange, names, window)

    def fetched(self, path: str) -> int:
        """How often a ZIP was asked for."""
        return self.exchange.requests.times(f"/{path}")

    def asked(self) -> list[str]:
        """Everything that was asked for about data, in order: archive paths without their checksums, and klines."""
        return [
            entry.path
            for entry in self.exchange.requests.entries()
            if entry.kind in {"archive.zip", "rest.klines"} and not entry.path.endswith(CHECKSUM_SUFFIX)
        ]


async def _listed() -> Sequence[Any]:
    async with open_exchange() as exchange:
        assert exchange.rest is not None
        return (await exchange.rest.exchange_info()).symbols


def entry_of(name: str, day: str) -> LedgerDay:
    """The ledger's entry of a day (YYYY-MM-DD)."""
    return LedgerDay.objects.select_related("file").get(symbol__name=name, day=day)


def states_of(name: str) -> dict[str, int]:
    """How many days the ledger has in each state."""
    states = list(LedgerDay.objects.filter(symbol__name=name).values_list("state", flat=True))
    return {state: states.count(state) for state in set(states)}


def month(text: str) -> TimeWindow:
    """The window of a month YYYY-MM."""
    return Month.parse(text).window


def days(first: str, last: str) -> TimeWindow:
    """The window of whole days, both included (YYYY-MM-DD)."""
    return TimeWindow(day_start(dt.date.fromisoformat(first)), TimeWindow.of_day(dt.date.fromisoformat(last)).end)
