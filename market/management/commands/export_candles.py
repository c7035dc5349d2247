"""Write a symbol's candles to a file."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from market.domain.clock import wall_clock_ms
from market.domain.frame import CandleFrame
from market.domain.interval import Interval
from market.domain.window import DAY_MS, EARLIEST_MS, LATEST_MS, TimeWindow, day_start, to_datetime
from market.exporting import Format, encoded, file_name
from market.selectors.export import candles_export
from market.selectors.symbols import symbol_get

_LINE_EVERY_S: Final = 2.0


class Command(BaseCommand):
    help = "Write the closed candles of a symbol to a file, as /api/export does; market/exporting.py has the columns."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("symbol", metavar="SYMBOL")
        parser.add_argument("--interval", choices=[interval.value for interval in Interval], default="1m")
        parser.add_argument("--from", dest="first", type=_day, metavar="YYYY-MM-DD", help="first day (UTC)")
        parser.add_argument("--to", dest="last", type=_day, metavar="YYYY-MM-DD", help="last day (UTC), inclusive")
        parser.add_argument("--format", choices=[one.value for one in Format], default="csv")
        parser.add_argument(
            "--output", metavar="FILE", help="default: SYMBOL-INTERVAL.FORMAT in this folder; - for standard output"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        symbol = symbol_get(options["symbol"])
        if symbol is None:
            raise CommandError(f"{options['symbol']} is not known: `manage.py symbols sync` reads the exchange's list")
        interval, file_format = Interval(options["interval"]), Format(options["format"])
        start = EARLIEST_MS if options["first"] is None else day_start(options["first"])
        end = LATEST_MS if options["last"] is None else day_start(options["last"]) + DAY_MS
        if end <= start:
            raise CommandError("--from must not lie after --to")
        now = wall_clock_ms()
        pages = candles_export(symbol_id=symbol.id, interval=interval, window=TimeWindow(start, end), now=now)
        progress = _Progress(self.stderr)
        parts = encoded(progress.through(pages), symbol=symbol.name, interval=interval, file_format=file_format)
        target = options["output"] or file_name(symbol.name, interval, file_format)
        with _standard_output() if target == "-" else _whole_file(Path(target)) as output:
            for part in parts:
                output.write(part)
        progress.end("standard output" if target == "-" else target)


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day of the form YYYY-MM-DD") from None


@contextmanager
def _standard_output() -> Iterator[IO[bytes]]:
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Whoever read it has enough. Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise CommandError("the reader of the output has left") from None


@contextmanager
def _whole_file(target: Path) -> Iterator[IO[bytes]]:
    """A file that has its name only when all of it is on disk; one that was there before stays until then."""
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with unfinished.open("xb") as output:
            yield output
            output.flush()
            os.fsync(output.fileno())
        unfinished.replace(target)
    except OSError as problem:
        raise CommandError(f"{target} cannot be written: {problem.strerror}") from None
    finally:
        unfinished.unlink(missing_ok=True)


class _Progress:
    """Counts what passes, with a line every few seconds."""

    def __init__(self, output: Any) -> None:
        self._output = output
        self._rows = 0
        self._began = self._said = time.monotonic()

    def through(self, pages: Iterator[CandleFrame]) -> Iterator[CandleFrame]:
        for page in pages:
            yield page
            self._rows += len(page)
            if time.monotonic() - self._said >= _LINE_EVERY_S:
                self._said = time.monotonic()
                self._output.write(f"{self._rows:,} rows, up to {to_datetime(int(page.time[-1])):%Y-%m-%d}")

    def end(self, target: str) -> None:
        seconds = max(time.monotonic() - self._began, 0.001)
        self._output.write(f"{self._rows:,} rows to {target}, {self._rows / seconds:,.0f} rows/s")
