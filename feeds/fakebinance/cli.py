"""The double as a process: arguments, faults from a file, signals."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import signal
from collections.abc import Callable
from pathlib import Path

from feeds.fakebinance.config import DEFAULT_HISTORY_START, ExchangeConfig
from feeds.fakebinance.faults import Fault
from feeds.fakebinance.server import FakeExchange
from feeds.fakebinance.streams import StreamLimits
from market.domain.window import from_datetime


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m feeds.fakebinance` and of the management command."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8099, help="port; 0 takes a free one (default: 8099)")
    parser.add_argument("--seed", type=int, default=7, help="of the generated market (default: 7)")
    parser.add_argument("--symbols", type=_names, help="comma-separated names (default: the whole catalogue)")
    parser.add_argument(
        "--start",
        type=instant,
        default=DEFAULT_HISTORY_START,
        help="no symbol has candles before this instant, ISO 8601 UTC or epoch ms (default: 2024-01-01)",
    )
    parser.add_argument("--clock", type=instant, help="the exchange's time at the start (default: the machine's)")
    parser.add_argument("--speed", type=float, default=1.0, help="pace of the clock, 0 freezes it (default: 1)")
    parser.add_argument("--archive-dir", type=_folder, help="serve real files from here instead of a generated market")
    parser.add_argument("--cache-dir", type=Path, help="keep generated ZIPs here (default: a temporary folder)")
    parser.add_argument("--busy", action="store_true", help="every symbol trades in every quarter of a second")
    parser.add_argument(
        "--frames-per-second", type=float, help="bound of the forming frames made in a second (default: none)"
    )
    parser.add_argument("--faults", type=faults_of, default=(), help="JSON file with a list of faults")


def config_of(options: argparse.Namespace) -> ExchangeConfig:
    """What the parsed options ask for."""
    return ExchangeConfig(
        seed=options.seed,
        symbols=options.symbols,
        history_start=options.start,
        start_ms=options.clock,
        speed=options.speed,
        archive_dir=options.archive_dir,
        cache_dir=options.cache_dir,
        faults=options.faults,
        busy=options.busy,
        streams=StreamLimits(frames_per_second=options.frames_per_second),
    )


def run(options: argparse.Namespace, announce: Callable[[str], object]) -> None:
    """Serve until SIGINT or SIGTERM; `announce` gets one line with the URL once the port is open.

    ValueError for impossible settings, OSError for a port that is taken.
    """
    asyncio.run(_serve(FakeExchange(config_of(options)), options.host, options.port, announce))


async def _serve(exchange: FakeExchange, host: str, port: int, announce: Callable[[str], object]) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    try:
        await exchange.start(host, port)
        announce(f"exchange double at {exchange.url}")
        await exchange.serve_until(stopping)
    finally:
        await exchange.stop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def instant(text: str) -> int:
    """Milliseconds out of an ISO 8601 date or time (UTC unless it says otherwise), or of epoch milliseconds."""
    if text.isascii() and text.isdecimal() and len(text) > 8:
        return int(text)
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a time such as 2026-06-15T12:00 or epoch ms") from None
    return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC))


def faults_of(path: str) -> tuple[Fault, ...]:
    """The faults in a JSON file."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        return tuple(Fault.from_json(item) for item in (data if isinstance(data, list) else [data]))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{path}: {error}") from error


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.split(",") if (name := part.strip().upper()))


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a folder")
    return path
