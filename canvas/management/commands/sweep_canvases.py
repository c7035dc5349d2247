"""Remove files that a crash has left behind; the scheduler does it, too."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from canvas.errors import StorageAway
from canvas.sweep import orphans_remove


class Command(BaseCommand):
    help = "Remove files of drawings that no row refers to and that are older than an hour."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            removed = orphans_remove()
        except StorageAway as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{removed} files removed")
