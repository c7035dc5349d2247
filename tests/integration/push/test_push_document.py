"""docs/websocket.md is true: what it sends can be sent, and what it shows comes back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.push import Client, Market

pytestmark = pytest.mark.django_db(transaction=True)

_DOCUMENT: Final = Path(__file__).parents[3] / "docs" / "websocket.md"
_BLOCKS: Final = re.compile(r"^```json (sent|answered)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MODULES: Final = Path(__file__).parents[3] / "market" / "live"


def _form(frame: Any) -> Any:
    """Its fields and what they are; of words that programs read, the words."""
    data = frame.get("data", {})
    kinds = {name: type(value).__name__ for name, value in data.items()}
    fixed = {name: data[name] for name in ("code", "interval", "intervals", "since") if name in data}
    return {"type": frame["type"], "closed": data.get("is_closed"), **kinds, **fixed}


def test_every_example_of_the_document_is_sent_and_answered(market: Market, browser: Client) -> None:
    blocks = _BLOCKS.findall(_DOCUMENT.read_text())
    assert len(blocks) >= 15
    volume = 1.5
    for kind, text in blocks:
        example = json.loads(text.replace("BTCUSDT", market.name))
        if kind == "sent":
            browser.link.send(json.dumps(example))
            continue
        forms = example["type"] == "kline" and not example["data"]["is_closed"]
        if forms:
            browser.settle()
        heard: list[Any] = []
        while not heard or heard[-1] != _form(example):
            assert len(heard) < 300, (example, heard)
            if forms:
                # Again and again, as a minute forms: a longer bar comes once the minutes before are read.
                volume += 1
                market.publish(market.forming(60, volume))
            heard.append(_form(browser.hear()))


def test_every_code_of_an_error_is_in_the_document() -> None:
    source = "".join(path.read_text() for path in _MODULES.glob("*.py"))
    codes = set(re.findall(r'Mistake\(\s*"(\w+)"', source))
    assert len(codes) > 8
    assert {code for code in codes if f"`{code}`" not in _DOCUMENT.read_text()} == set()
