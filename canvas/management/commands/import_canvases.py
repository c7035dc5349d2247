"""Read canvases from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from canvas.errors import StorageAway
from canvas.folders import UnusableFolder, canvases_import


class Command(BaseCommand):
    help = "Store the canvases of a folder USER/SYMBOL/NAME.json. Doing it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR", help="the folder whose folders are users")
        parser.add_argument(
            "--overwrite", action="store_true", help="also where something else is stored, which stays as a version"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            result = canvases_import(options["folder"], overwrite=options["overwrite"])
        except (UnusableFolder, StorageAway) as error:
            raise CommandError(str(error)) from error
        for path in result.kept:
            self.stderr.write(f"{path!r}: something else is stored under this name; --overwrite to replace it")
        for path, reason in result.refused:
            self.stderr.write(f"{path!r}: refused: {reason}")
        self.stdout.write(
            f"{result.stored} stored, {result.same} were stored already, {len(result.kept)} kept as they were, "
            f"{len(result.refused)} refused"
        )
        if result.refused:
            raise CommandError(f"{len(result.refused)} files were refused")
