"""Write canvases into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from canvas.errors import StorageAway
from canvas.folders import UnusableFolder, canvases_export


class Command(BaseCommand):
    help = "Write the newest version of every canvas to USER/SYMBOL/NAME.json in a new or empty folder."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            count = canvases_export(options["folder"])
        except (UnusableFolder, StorageAway, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{count} canvases written to {options['folder']}")
