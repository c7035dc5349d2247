"""The live side as a process."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from typing import Any

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from feeds.exchange import proxy_settings
from feeds.live.collector import CollectorSettings, collect
from market.access.checks import refuse_unsafe_start


class Command(BaseCommand):
    help = (
        "Stream every tracked symbol: closed minutes into the database, every update to the browsers. Several may run, "
        "on several machines; they share the symbols. SIGTERM or Ctrl-C ends it in order within 10 seconds."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--clock-speed",
            type=float,
            default=1.0,
            metavar="TIMES",
            help="how fast the exchange's clock runs: 1, but for a double that was started with another --speed",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_unsafe_start()
        collector = CollectorSettings(
            stream_url=settings.BINANCE_WS_URL,
            redis_url=settings.REDIS_URL,
            symbols_per_connection=settings.SYMBOLS_PER_CONNECTION,
            shards=settings.COLLECTOR_SHARDS,
            speed=options["clock_speed"],
            proxies=proxy_settings(),
        )
        # What was loaded so far lives as long as the process: looking through it for garbage again and again would
        # stop the stream for tens of milliseconds each time.
        gc.collect()
        gc.freeze()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            ended_well = runner.run(_until_told(collector))
        if not ended_well:
            # The interpreter would wait for the thread that hangs, however long the database stays silent.
            logging.shutdown()
            os._exit(0)


async def _until_told(collector: CollectorSettings) -> bool:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return await collect(collector, stopping)
