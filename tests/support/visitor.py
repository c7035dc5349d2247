"""Somebody in front of the chart page: what he does, and what the page shows him."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from playwright.sync_api import Browser, ConsoleMessage, Error, Page

from klineproject.environment import BASE_DIR
from tests.support.eventually import eventually

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")

_AXE: Final = BASE_DIR / "node_modules/axe-core/axe.min.js"
# Two clicks within half a second are a double click to the chart library.
_CLICK_APART_MS: Final = 550

T = TypeVar("T")


class Visitor:
    """One browser window. What its console shows as a warning or an error is kept in `unexpected`, unless `expect`
    says that it may come."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.unexpected: list[str] = []
        self._expected: list[str] = []
        page.on("console", self._read)
        page.on("pageerror", lambda error: self.unexpected.append(f"uncaught: {error}"))

    def expect(self, *words: str) -> None:
        """A line of the console with one of these words is no surprise."""
        self._expected += words

    def open(self, symbol: str = "BTCUSDT", interval: str = "1m", *, wait: bool = True) -> None:
        """Go to the chart; wait for its bars."""
        self.page.goto(f"{self.url}/?symbol={symbol}&interval={interval}")
        if wait:
            self.until_shown(symbol, interval)

    def until_shown(self, symbol: str, interval: str) -> None:
        self.until(
            f"() => page.symbol === '{symbol}' && page.interval === '{interval}' && page.feed.bars.length > 0"
            " && page.feed.state.state === 'ready'"
        )

    def ask(self, script: str, argument: Any = None) -> Any:
        """What a function of the page's side gives."""
        return self.page.evaluate(script, argument)

    def until(self, script: str, *, within: float = 15.0) -> None:
        """Wait until it gives something true; until the page is there to ask, it does not."""

        def is_so() -> bool:
            try:
                return bool(self.ask(f"() => 'page' in globalThis && ({script})()"))
            except Error as error:
                # Asked in the moment in which one page makes way for another.
                if "Execution context was destroyed" not in str(error):
                    raise
                return False

        eventually(is_so, within=within, every=0.05)

    def sees(self, condition: Callable[[], T], *, within: float = 15.0) -> T:
        return eventually(condition, within=within, every=0.05)

    def bars(self) -> list[dict[str, Any]]:
        """The bars that the chart has."""
        bars: list[dict[str, Any]] = self.ask("() => page.feed.bars.map((bar) => ({ ...bar }))")
        return bars

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)

    def press(self, name: str) -> None:
        """Click the button that is called that."""
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def draw(self, tool: str, points: Sequence[tuple[int, int]]) -> None:
        """Take a tool and click these places of the chart."""
        self.press(tool)
        for x, y in points:
            self.page.mouse.move(x, y)
            self.page.mouse.click(x, y)
            self.page.wait_for_timeout(_CLICK_APART_MS)

    def places(self) -> list[tuple[int, int]]:
        """Where the points of the first drawing are on the screen: the axes follow the candles, and they with them."""
        places = self.ask(
            """() => {
              const { points } = [...page.board.drawings.values()][0];
              const { left, top } = document.querySelector("#chart").getBoundingClientRect();
              const places = page.chart.convertToPixel(points, { paneId: "candle_pane", absolute: true });
              return places.map(({ x, y }) => [left + x, top + y]);
            }"""
        )
        return [(int(x), int(y)) for x, y in places]

    def middle_of_the_line(self) -> tuple[int, int]:
        """The same of the middle of a drawing of two points."""
        (x, y), (other_x, other_y) = self.places()
        return (x + other_x) // 2, (y + other_y) // 2

    def drawings(self) -> list[dict[str, Any]]:
        """What is drawn, as data."""
        drawings: list[dict[str, Any]] = self.ask("() => [...page.board.drawings.values()]")
        return drawings

    def until_saved(self) -> None:
        self.sees(lambda: self.text("#save-state") == "saved ✓")

    def barriers(self) -> list[Any]:
        """What axe-core finds serious or critical on the page as it is: what it is called, and where."""
        self.ask(_AXE.read_text() + "; 0")
        result = self.ask("async () => (await axe.run(document, { resultTypes: ['violations'] })).violations")
        return [
            (finding["id"], finding["help"], [node["html"] for node in finding["nodes"]])
            for finding in result
            if finding["impact"] in {"serious", "critical"}
        ]

    def leave(self) -> None:
        self.page.context.close()

    def _read(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(word in message.text for word in self._expected):
            self.unexpected.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")


def visiting(browser: Browser, url: str, *, width: int, height: int, theme: str, touch: bool) -> Visitor:
    """A visitor with a screen of this size, whose system wishes this theme."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="light" if theme == "light" else "dark",
        has_touch=touch,
        reduced_motion="reduce",
        # Far from UTC, so that one is not taken for the other.
        timezone_id="Asia/Tokyo",
    )
    context.set_default_timeout(15_000)
    return Visitor(context.new_page(), url)
