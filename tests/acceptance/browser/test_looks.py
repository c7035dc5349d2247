"""How the page looks and who can use it: accessibility in both themes, a telephone, the keyboard, pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.visitor import Visitor

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_serious(visit: Callable[..., Visitor], pictures: Path, theme: str) -> None:
    visitor = visit(theme=theme)
    visitor.open("BTCUSDT", "15m")
    visitor.until("() => page.watch.quotes.size >= 2 && document.querySelectorAll('#watch-list li').length >= 2")
    assert visitor.ask("() => document.documentElement.dataset.theme") == theme
    visitor.page.screenshot(path=pictures / f"{theme}.png")
    assert visitor.barriers() == []
    visitor.press("Data and symbols")
    assert visitor.barriers() == []
    visitor.page.keyboard.press("Escape")
    visitor.page.keyboard.press("/")
    assert visitor.barriers() == []
    visitor.page.keyboard.press("Escape")
    visitor.page.click("#canvas-button")
    assert visitor.barriers() == []
    print(f"pictures in {pictures}")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_telephone_shows_the_chart_and_every_button(
    visit: Callable[..., Visitor], pictures: Path, theme: str
) -> None:
    visitor = visit(width=390, height=844, theme=theme, touch=True)
    visitor.open("ETHUSDT", "1h")
    assert visitor.ask("() => document.documentElement.scrollWidth") == 390
    assert visitor.ask("() => document.querySelector('#chart').clientWidth") >= 380
    visitor.press("Drawing tools")
    visitor.page.screenshot(path=pictures / f"{theme}-telephone.png")
    for name in ("Brush", "Delete all drawings", "Full screen", "Data and symbols", "Watch list"):
        visitor.page.get_by_role("button", name=name, exact=True).first.tap(trial=True)
    assert visitor.barriers() == []


def test_the_chosen_theme_is_remembered_and_wins_over_the_system(visit: Callable[..., Visitor]) -> None:
    visitor = visit(theme="dark")
    visitor.open()
    visitor.press("Dark or light")
    ground = "() => getComputedStyle(document.body).backgroundColor"
    assert visitor.ask(ground) == "rgb(255, 255, 255)"
    visitor.page.reload()
    visitor.until_shown("BTCUSDT", "1m")
    assert visitor.ask(ground) == "rgb(255, 255, 255)"


def test_the_panes_that_are_switched_on_are_remembered(visitor: Visitor) -> None:
    shown = "() => page.chart.getIndicators().map(({ name }) => name).sort()"
    visitor.open()
    assert visitor.ask(shown) == ["NETVOL", "TAKERBUY", "VOLUME"]
    visitor.press("Indicators")
    visitor.page.get_by_label("RSI").check()
    visitor.page.get_by_label("Taker-buy volume").uncheck()
    visitor.page.keyboard.press("Escape")
    visitor.page.reload()
    visitor.until_shown("BTCUSDT", "1m")
    assert visitor.ask(shown) == ["NETVOL", "RSI", "VOLUME"]


def test_the_chart_can_be_used_by_keyboard_alone(visitor: Visitor) -> None:
    visitor.open("BTCUSDT", "1m")
    press = visitor.page.keyboard.press
    press("4")
    visitor.until_shown("BTCUSDT", "1h")
    for _ in range(3):
        press("ArrowLeft")
    visitor.sees(lambda: visitor.page.is_visible("#to-end"))
    press("End")
    visitor.sees(lambda: not visitor.page.is_visible("#to-end"))
    press("w")
    assert not visitor.page.is_visible("#watch")
    press("Tab")
    assert visitor.ask("() => document.activeElement !== document.body")


def test_a_picture_of_the_chart_can_be_saved(visitor: Visitor, tmp_path: Path) -> None:
    visitor.open("BTCUSDT", "15m")
    with visitor.page.expect_download() as download:
        visitor.press("Save a picture")
    assert download.value.suggested_filename.startswith("BTCUSDT-15m-")
    target = tmp_path / "chart.png"
    download.value.save_as(target)
    assert target.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_time_zone_of_the_axis_can_be_switched(visitor: Visitor) -> None:
    visitor.open()
    assert visitor.ask("() => page.chart.getTimezone()") in {"UTC", "Etc/UTC"}
    visitor.page.click("#timezone")
    assert visitor.text("#timezone") == "Local"
    assert visitor.ask("() => page.chart.getTimezone()") == "Asia/Tokyo"
