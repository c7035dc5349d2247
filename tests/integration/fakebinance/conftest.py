"""A running double, and a client for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from feeds.fakebinance.server import FakeExchange
from market.domain.window import Month

# Wednesday, 2026-03-04 12:00:30 UTC: the February files are out, and so are all days but yesterday's successors.
NOW = Month(2026, 3).window.start + 3 * 86_400_000 + 12 * 3_600_000 + 30_000
SYMBOLS = ("BTCUSDT", "LTCUSDT", "币安人生USDT", "OMGUSDT")


@pytest.fixture(scope="session")
def zip_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ZIPs are the same in every test: make each once."""
    return tmp_path_factory.mktemp("fakebinance-zips")


@pytest.fixture
def exchange(zip_cache: Path) -> Iterator[FakeExchange]:
    with FakeExchange.running(symbols=SYMBOLS, start_ms=NOW, speed=0.0, cache_dir=zip_cache) as running:
        yield running


@pytest.fixture
def client(exchange: FakeExchange) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=exchange.url, trust_env=False, timeout=20) as opened:
        yield opened
