"""Take over the minutes that the original, which this product replaces, has stored."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from market.domain.clock import wall_clock_ms
from market.services.original import Taken, original_import
from market.store.original import Holding, UnusableOriginal


class Command(BaseCommand):
    help = (
        "Store the minutes of a table klines_1m that are not stored here yet. Run it after the history is loaded: what "
        "the archive has is better. May be ended and run again at any time. Drawings: import_canvases."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("symbols", nargs="*", metavar="SYMBOL", help="default: all that the table has")
        parser.add_argument(
            "--dsn",
            default=os.environ.get("ORIGINAL_DATABASE_URL", ""),
            help="the original's database, postgresql://user@host:5432/name; better in the variable "
            "ORIGINAL_DATABASE_URL, where no list of processes shows its password",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["dsn"]:
            raise CommandError("--dsn or ORIGINAL_DATABASE_URL is expected: postgresql://user:password@host:5432/name")
        try:
            results = original_import(
                dsn=options["dsn"],
                now=wall_clock_ms(),
                names=options["symbols"],
                on_start=self._start,
                on_month=self._progress,
            )
        except UnusableOriginal as error:
            raise CommandError(str(error)) from error
        for taken in results:
            for example in taken.examples:
                self.stderr.write(f"refused: {example}")
            for reason, count in taken.refused.items():
                self.stderr.write(f"{taken.symbol}: {count:,} rows refused: {reason}")
        self.stdout.write(
            f"{len(results)} symbols, {sum(taken.rows for taken in results):,} rows read, "
            f"{sum(taken.stored for taken in results):,} stored, "
            f"{sum(taken.present for taken in results):,} were here already, "
            f"{sum(taken.refused.total() for taken in results):,} refused"
        )

    def _start(self, holdings: list[Holding], absent: list[str]) -> None:
        self.stdout.write(f"{len(holdings)} symbols, {sum(holding.rows for holding in holdings):,} rows to read")
        if absent:
            self.stdout.write(f"the table has no {', '.join(absent)}: 0 until a better source brings them")

    def _progress(self, taken: Taken) -> None:
        self.stdout.write(f"{taken.symbol}: {taken.rows:,} rows read, {taken.stored:,} stored")
        self.stdout.flush()
