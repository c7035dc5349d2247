"""What the commands on history have in common: their arguments and their progress display."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import sys
import time
from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from django.core.management.base import CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from feeds.backfill import Totals
from feeds.binance.errors import ExchangeError
from feeds.destinations import Unit
from market.domain.window import DAY_MS, LATEST_MS, TimeWindow, day_start
from market.models import Symbol
from market.selectors.symbols import symbol_get, symbols_tracked

T = TypeVar("T")

_LINE_EVERY_S: Final = 5.0


def add_history_arguments(parser: CommandParser) -> None:
    parser.add_argument("symbols", nargs="*", metavar="SYMBOL", help="default: all tracked symbols")
    parser.add_argument("--from", dest="first", type=day_argument, metavar="YYYY-MM-DD", help="first day (UTC)")
    parser.add_argument("--to", dest="last", type=day_argument, metavar="YYYY-MM-DD", help="last day (UTC), inclusive")


def day_argument(text: str) -> dt.date:
    """A day of the command line, as `type` of an argument."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day of the form YYYY-MM-DD") from None


def chosen_symbols(names: Sequence[str]) -> list[Symbol]:
    """The named symbols, or all tracked ones. CommandError for a name that is not known."""
    if not names:
        return symbols_tracked()
    found = {name: symbol_get(name) for name in names}
    unknown = [name for name, symbol in found.items() if symbol is None]
    if unknown:
        raise CommandError(
            f"not known: {', '.join(unknown)} (the worker reads the exchange's list when it starts, then hourly)"
        )
    return [symbol for symbol in found.values() if symbol is not None]


def chosen_window(first: dt.date | None, last: dt.date | None, default_first: dt.date) -> TimeWindow | None:
    """The days from `first` to `last`; None when neither was given."""
    if first is None and last is None:
        return None
    start = day_start(first or default_first)
    end = LATEST_MS if last is None else day_start(last) + DAY_MS
    if end <= start:
        raise CommandError("--from must not lie after --to")
    return TimeWindow(start, end)


def run_history(work: Coroutine[Any, Any, T]) -> T:
    """The result of a load or a comparison. CommandError while the exchange does not even tell its time."""
    try:
        return asyncio.run(work)
    except ExchangeError as error:
        raise CommandError(
            f"the exchange does not answer: {error}; try again, or check BINANCE_ARCHIVE_URL and the proxies"
        ) from error


class ProgressDisplay:
    """A bar on a terminal, a line every few seconds elsewhere: rows, files, rate, time left."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._minutes = 0
        self._began = self._said = time.monotonic()
        self._is_terminal = sys.stderr.isatty()
        self._bar = Progress(
            TextColumn(title),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not self._is_terminal,
        )
        self._task = self._bar.add_task(title, total=None, figures="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def units(self, units: Sequence[Unit]) -> None:
        """What lies ahead; counts wanted minutes."""
        self._minutes = sum(unit.want.minutes for unit in units)
        self._began = time.monotonic()
        self._bar.update(self._task, total=self._minutes or 1)
        if not self._is_terminal:
            sys.stderr.write(f"{self._title}: {len(units)} months of symbols, {self._minutes:,} minutes\n")

    def progress(self, totals: Totals) -> None:
        seconds = max(time.monotonic() - self._began, 0.001)
        figures = f"{totals.rows:,} rows  {totals.files:,} files  {totals.rows / seconds:,.0f} rows/s"
        self._bar.update(self._task, completed=totals.rows, figures=figures)
        if not self._is_terminal and time.monotonic() - self._said >= _LINE_EVERY_S:
            self._said = time.monotonic()
            left = max(self._minutes - totals.rows, 0) * seconds / max(totals.rows, 1)
            share = 100 * totals.rows / max(self._minutes, 1)
            sys.stderr.write(f"{self._title}: {min(share, 100):.0f} %  {figures}  about {left:.0f} s left\n")
