"""Serve the web application at HOST and PORT."""

from __future__ import annotations

from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from market.access.addresses import is_loopback
from market.access.checks import refuse_unsafe_start


class Command(BaseCommand):
    help = "Serve the product: pages, REST, datafeed, drawings, push, admin."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.HOST, help="default: the setting HOST (%(default)s)")
        parser.add_argument("--port", type=int, default=settings.PORT, help="default: the setting PORT (%(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not is_loopback(options["host"]) and is_loopback(settings.HOST):
            raise CommandError(
                f"--host {options['host']}: others can reach this address, while the settings were checked for "
                f"HOST={settings.HOST}; set HOST={options['host']} instead"
            )
        refuse_unsafe_start()
        uvicorn.run(
            "klineproject.asgi:application",
            host=options["host"],
            port=options["port"],
            # With a limit for heads that are long, or slow.
            http="klineproject.connections:Connection",
            # With an end in good time for frames that are none, or too many.
            ws="klineproject.sockets:SocketConnection",
            # Compressing each update for each socket costs twice as much as all the rest of a delivery.
            ws_per_message_deflate=False,
            # Beyond the protocol's 16 KiB, so that a longer message gets an error frame; far beyond, it is cut off.
            ws_max_size=1 << 20,
            # By default it would believe X-Forwarded-For of whoever comes from this machine; that is for
            # TRUSTED_PROXIES to say.
            proxy_headers=False,
            # Whoever still reads an export by then is cut off; everything else has long been answered.
            timeout_graceful_shutdown=5,
            # The product logs what matters by itself; a line for each request would bury it.
            access_log=False,
            log_config=None,
        )
