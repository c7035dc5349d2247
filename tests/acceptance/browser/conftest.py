"""One product and one browser for all tests here; each test has a visitor of its own, with nothing remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.chart_stack import ChartStack, chart_stack
from tests.support.visitor import CHROMIUM, Visitor, visiting

pytestmark = pytest.mark.timeout(240)

SYMBOLS: Final = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT")
TRACKED: Final = ("BTCUSDT", "ETHUSDT")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium here (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            # A browser that asks nobody but the server that it is sent to. Its sandbox does not work for root.
            args=[
                *("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"),
                *("--disable-component-update", "--disable-sync", "--no-first-run"),
            ],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def stack(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChartStack]:
    with chart_stack(tmp_path_factory.mktemp("chart"), symbols=SYMBOLS, tracked=TRACKED) as stack:
        yield stack


@pytest.fixture
def visit(browser: Browser, stack: ChartStack) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors: `visit(width=390, height=844, theme="light")`. At the end, no console may have shown an error."""
    visitors: list[Visitor] = []

    def make(*, width: int = 1440, height: int = 900, theme: str = "dark", touch: bool = False) -> Visitor:
        visitor = visiting(browser, stack.url, width=width, height=height, theme=theme, touch=touch)
        visitors.append(visitor)
        return visitor

    yield make
    for visitor in visitors:
        visitor.leave()
    assert [line for visitor in visitors for line in visitor.unexpected] == []


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    """One visitor with a wide screen, in the dark."""
    return visit()


@pytest.fixture(scope="package")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for screenshots to look at."""
    return tmp_path_factory.mktemp("pictures")
