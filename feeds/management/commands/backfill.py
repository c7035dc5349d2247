"""Load what is missing of the history, and say what was done."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from feeds.history import history_load
from feeds.management.commands._history import (
    ProgressDisplay,
    add_history_arguments,
    chosen_symbols,
    chosen_window,
    run_history,
)


class Command(BaseCommand):
    help = "Load missing candles: monthly ZIP, daily ZIP, REST. May be stopped and run again at any time."

    def add_arguments(self, parser: CommandParser) -> None:
        add_history_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        symbols = chosen_symbols(options["symbols"])
        limits = chosen_window(options["first"], options["last"], settings.DATA_START)
        if not symbols:
            raise CommandError("no symbol is tracked: name some, or track one (POST /api/symbols)")
        with ProgressDisplay("backfill") as display:
            totals = run_history(
                history_load(symbols=symbols, limits=limits, on_units=display.units, on_progress=display.progress)
            )
        self.stdout.write(
            f"{totals.units} months done, {totals.skipped} left to another worker, {totals.failed} failed: "
            f"{totals.files} files, {totals.rows:,} rows read, {totals.inserted:,} new, "
            f"{totals.conflicts:,} in conflict"
        )
        if totals.failed:
            raise CommandError("\n".join(["left for a later run:", *totals.errors]))
