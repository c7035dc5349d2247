"""Hold ledger, database and source against each other."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from feeds.management.commands._history import (
    ProgressDisplay,
    add_history_arguments,
    chosen_symbols,
    chosen_window,
    run_history,
)
from feeds.verify import verify


class Command(BaseCommand):
    help = (
        "Compare finished days: ledger and rollups with the stored minutes, the minutes with the exchange. "
        "Exit code 0: all agree; 1: something does not, each named on a line."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_history_arguments(parser)
        parser.add_argument("--daily", action="store_true", help="ask the daily files instead of the monthly ones")
        parser.add_argument("--repair", action="store_true", help="put right what is found")

    def handle(self, *args: Any, **options: Any) -> None:
        symbols = chosen_symbols(options["symbols"])
        if not symbols:
            raise CommandError("no symbol is tracked, so there is nothing to verify")
        with ProgressDisplay("verify") as display:
            findings = run_history(
                verify(
                    symbols=symbols,
                    limits=chosen_window(options["first"], options["last"], settings.DATA_START),
                    daily_files=options["daily"],
                    repair=options["repair"],
                    on_units=display.units,
                    on_progress=display.progress,
                )
            )
        for finding in findings:
            self.stdout.write(str(finding))
        if findings:
            raise CommandError(f"{len(findings)} findings{', repaired where possible' if options['repair'] else ''}")
        self.stdout.write("everything agrees")
