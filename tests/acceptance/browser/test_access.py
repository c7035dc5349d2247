"""Who is not logged in looks, where that is allowed; who is, draws and tracks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

import httpx
import pytest
from playwright.sync_api import Browser

from klineproject.local.places import CHECKOUT
from tests.support.chart_stack import ChartStack
from tests.support.visitor import Visitor, visiting

pytestmark = pytest.mark.timeout(240)

_SETTINGS: Final = {"ACCESS": "token", "SECRET_KEY": "of-a-test-" * 8}
_PASSWORD: Final = "correct horse battery staple"


@pytest.fixture(scope="module")
def guarded(stack: ChartStack) -> Iterator[str]:
    """The address of a server that wants to know who writes."""
    with stack.web_with(**_SETTINGS) as url:
        yield url


@pytest.fixture
def guest(browser: Browser, guarded: str) -> Iterator[Visitor]:
    visitor = visiting(browser, guarded, width=1440, height=900, theme="dark", touch=False)
    yield visitor
    visitor.leave()
    assert visitor.unexpected == []


def test_a_guest_looks_and_is_told_where_to_log_in(guest: Visitor) -> None:
    guest.open("BTCUSDT", "15m")
    link = guest.page.get_by_role("link", name="Log in to change things")
    guest.sees(link.is_visible)
    assert guest.page.get_by_role("button", name="Trend line").is_disabled()
    assert not guest.page.is_visible("#canvas-button")
    guest.press("Data and symbols")
    assert not guest.page.is_visible("#data-form")
    assert guest.page.get_by_role("button", name="Stop tracking BTCUSDT").count() == 0


def test_who_has_logged_in_comes_back_to_the_chart_and_draws(guest: Visitor, stack: ChartStack) -> None:
    environ = {**os.environ, **stack.environ, "DJANGO_SUPERUSER_PASSWORD": _PASSWORD}
    command = [
        sys.executable,
        "manage.py",
        "createsuperuser",
        "--noinput",
        "--username",
        "ada",
        "--email",
        "a@b.example",
    ]
    subprocess.run(command, cwd=CHECKOUT, env=environ, check=True)

    guest.open("BTCUSDT", "15m")
    guest.page.get_by_role("link", name="Log in to change things").click()
    guest.page.fill("#id_username", "ada")
    guest.page.fill("#id_password", _PASSWORD)
    guest.page.keyboard.press("Enter")
    guest.until_shown("BTCUSDT", "15m")
    guest.until_saved()
    guest.draw("Horizontal line", [(500, 300)])
    guest.until_saved()
    guest.page.reload()
    guest.until("() => page.board.drawings.size === 1")
    guest.press("Data and symbols")
    guest.page.fill("#data-symbol", "DOGEUSDT")
    guest.press("Track")
    guest.sees(lambda: "DOGEUSDT" in stack.get("/api/symbols"))


def test_a_browser_has_of_each_owner_what_is_his(browser: Browser, stack: ChartStack) -> None:
    for who in ("alice", "bob"):
        body = {"symbol": "BTCUSDT", "name": "mine", "data": who}
        httpx.post(f"{stack.url}/canvas/save", json=body, headers={"X-User-Id": who}).raise_for_status()
    script = """async (who) => {
        const answer = await fetch("/canvas/load?symbol=BTCUSDT&name=mine", { headers: { "X-User-Id": who } });
        return [answer.headers.get("ETag"), await answer.json()];
    }"""
    page = browser.new_page()
    page.goto(f"{stack.url}/config")
    # Both are of the same version.
    assert [page.evaluate(script, who) for who in ("alice", "bob")] == [['"1"', "alice"], ['"1"', "bob"]]
    page.close()


def test_where_reading_needs_a_login_the_page_says_so(browser: Browser, stack: ChartStack) -> None:
    with stack.web_with(**_SETTINGS, READS_NEED_TOKEN="true") as url:
        visitor = visiting(browser, url, width=1440, height=900, theme="dark", touch=False)
        visitor.open("BTCUSDT", "15m", wait=False)
        visitor.sees(lambda: "Log in to see the chart" in visitor.text("#veil"))
        link = visitor.page.get_by_role("link", name="Log in", exact=True)
        assert (link.get_attribute("href") or "").startswith("/admin/login/?next=%2F%3Fsymbol%3DBTCUSDT")
        visitor.leave()


def test_where_reading_needs_a_login_the_data_page_has_the_way_to_it(browser: Browser, stack: ChartStack) -> None:
    with stack.web_with(**_SETTINGS, READS_NEED_TOKEN="true") as url:
        visitor = visiting(browser, url, width=1440, height=900, theme="light", touch=False)
        visitor.page.goto(f"{url}/data?symbol=ETHUSDT")
        link = visitor.page.get_by_role("link", name="Log in", exact=True)
        visitor.sees(link.is_visible)
        assert link.get_attribute("href") == "/admin/login/?next=%2Fdata%3Fsymbol%3DETHUSDT"
        visitor.leave()
