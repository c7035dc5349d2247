"""Which symbols are collected: the operator's wishes from the command line."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from feeds.binance.errors import ExchangeError
from feeds.listing import listing_load
from feeds.management.commands._history import day_argument
from market.domain.clock import wall_clock_ms
from market.domain.window import EARLIEST_MS, LATEST_MS, day_of, day_start, to_datetime
from market.models import Symbol
from market.selectors.ledger import history_progress
from market.services.symbols import ListNotLoaded, NotAName, NotListed, symbol_track, symbol_untrack


class Command(BaseCommand):
    help = "List the tracked symbols, track one, stop tracking one, or read the exchange's list anew."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        actions.add_parser("list", help="the tracked symbols, and how far the history of each has come")
        add = actions.add_parser("add", help="track a symbol: its history is loaded, and it goes live")
        add.add_argument("name", metavar="NAME")
        add.add_argument(
            "--from", dest="first", type=day_argument, metavar="YYYY-MM-DD", help="where its history begins (UTC)"
        )
        remove = actions.add_parser("remove", help="stop tracking a symbol; its candles stay")
        remove.add_argument("name", metavar="NAME")
        actions.add_parser("sync", help="bring the list of symbols up to the exchange's")

    def handle(self, *args: Any, **options: Any) -> None:
        match options["action"]:
            case "list":
                self._list()
            case "add":
                self._add(options["name"], _moment(options["first"]))
            case "remove":
                self._remove(options["name"])
            case "sync":
                self._sync()

    def _list(self) -> None:
        history = history_progress(now=wall_clock_ms())
        for progress in history:
            self.stdout.write(
                f"{progress.symbol}: history from {day_of(progress.wanted_from)}, "
                f"{progress.days_done} of {progress.days_wanted} days done, {progress.rows:,} minutes"
            )
        if not history:
            self.stdout.write("no symbol is tracked: `symbols add NAME` tracks one")

    def _add(self, name: str, start: dt.datetime | None) -> None:
        try:
            symbol = self._track(name, start)
        except NotListed as error:
            raise CommandError(f"{error}: check its name; `symbols sync` reads the list anew") from error
        except NotAName as error:
            raise CommandError(str(error)) from error
        except ListNotLoaded as error:
            raise CommandError("the exchange's list of symbols is empty: check BINANCE_REST_URL") from error
        begins = "DATA_START" if symbol.backfill_from is None else f"{symbol.backfill_from:%Y-%m-%d}"
        self.stdout.write(f"{symbol.name} is tracked, its history from {begins} on")

    def _track(self, name: str, start: dt.datetime | None) -> Symbol:
        """As `symbol_track`, after a look at the exchange's list if nobody has read it yet."""
        is_list_known = bool(settings.BINANCE_REST_URL)
        try:
            return symbol_track(name=name, backfill_from=start, must_be_listed=is_list_known)
        except ListNotLoaded:
            self._sync()
            return symbol_track(name=name, backfill_from=start, must_be_listed=is_list_known)

    def _remove(self, name: str) -> None:
        symbol = symbol_untrack(name=name)
        if symbol is None:
            raise CommandError(f"{name.upper()} is not known: `symbols list` names those that are tracked")
        self.stdout.write(f"{symbol.name} is not tracked; its candles stay")

    def _sync(self) -> None:
        if not settings.BINANCE_REST_URL:
            raise CommandError("BINANCE_REST_URL is empty, so there is no list to read: `symbols add` takes any name")
        try:
            changed = asyncio.run(listing_load())
        except ExchangeError as error:
            raise CommandError(
                f"the exchange's list could not be read: {error}; try again, or check BINANCE_REST_URL and the proxies"
            ) from error
        self.stdout.write(f"the exchange's list is read, {changed} symbols new or changed")


def _moment(first: dt.date | None) -> dt.datetime | None:
    """The day's beginning; CommandError for one outside the time that candles can have."""
    if first is None:
        return None
    start = day_start(first)
    if not EARLIEST_MS <= start < LATEST_MS:
        raise CommandError(f"--from: expected a day from {day_of(EARLIEST_MS)} to {day_of(LATEST_MS - 1)}, not {first}")
    return to_datetime(start)
