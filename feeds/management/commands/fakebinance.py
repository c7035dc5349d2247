"""``manage.py fakebinance``: the exchange double."""

from argparse import ArgumentParser, Namespace
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from feeds.fakebinance import cli


class Command(BaseCommand):
    help = "Serve the exchange double: archive, REST, streams and control on one port."
    requires_system_checks = ()  # It has no database and serves without one.

    def add_arguments(self, parser: ArgumentParser) -> None:
        cli.add_arguments(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            cli.run(Namespace(**options), self._announce)
        except (ValueError, OSError) as error:
            raise CommandError(f"cannot start: {error}") from error

    def _announce(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
