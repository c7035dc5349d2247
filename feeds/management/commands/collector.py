"""What the operator wants of the collectors, and what they do."""

from __future__ import annotations

from typing import Any, Final

from django.core.management.base import BaseCommand, CommandParser

from market.domain.clock import wall_clock_ms
from market.selectors.live import LiveStatus, live_status
from market.services.collectors import collectors_restart, collectors_shutdown, collectors_start

_WISHES: Final = {
    "restart": (collectors_restart, "every collector starts anew"),
    "shutdown": (collectors_shutdown, "every collector stores what it has and stands still until `collector start`"),
    "start": (collectors_start, "collectors run"),
}


class Command(BaseCommand):
    help = "Say what collectors shall do (restart, shutdown, start), or what they do (status)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["status", *_WISHES])

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "status":
            self._print(live_status(now=wall_clock_ms()))
            return
        wish, meaning = _WISHES[options["action"]]
        wish()
        self.stdout.write(f"wished: {meaning}")

    def _print(self, status: LiveStatus) -> None:
        wanted = "run" if status.is_wanted else "stand still"
        self.stdout.write(f"wish: {wanted}; running: {status.is_running}; receiving data: {status.is_connected}")
        for collector in status.collectors:
            shards = ", ".join(str(shard.number) for shard in collector.shards.all()) or "none"
            self.stdout.write(
                f"collector {collector}: {collector.symbols} symbols over {collector.connections} connections, "
                f"shards {shards}"
            )
        for symbol in status.symbols:
            age = "no collector" if symbol.age_s is None else f"data {symbol.age_s:.1f} s old"
            self.stdout.write(
                f"{symbol.symbol}: {'STALE, ' if symbol.is_stale else ''}{age}, {symbol.reconnects} reconnects, "
                f"{symbol.rest_repairs} minutes by REST"
            )
