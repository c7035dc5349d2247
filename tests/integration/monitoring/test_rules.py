"""What Prometheus and Grafana are told to ask for is what a scrape has."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from klineproject.local.places import CHECKOUT
from market.monitoring.process import collect
from market.monitoring.sources import SharedFigures, text_of

_NAME = re.compile(r"\b(?:kline|process|python)_[a-z_]+\b")
_TYPE = re.compile(r"^# TYPE (\S+) (\S+)$", re.MULTILINE)
_SERIES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",), "info": ("",)}


@pytest.fixture
def names(transactional_db: None) -> set[str]:
    """Every series that the pages can have, with and without a sample."""
    text = (text_of(collect()) + asyncio.run(SharedFigures().text())).decode()
    assert 'kline_source_up{source="ledger"} 1.0' in text
    return {name + suffix for name, kind in _TYPE.findall(text) for suffix in _SERIES[kind]}


def rules() -> Iterator[dict[str, Any]]:
    document = yaml.safe_load((CHECKOUT / "docker/alerts.yml").read_text())
    for group in document["groups"]:
        yield from group["rules"]


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CHECKOUT / "docker/grafana/dashboards/klineproject.json").read_text())
    return found


def test_each_alert_asks_for_what_there_is(names: set[str]) -> None:
    alerts = list(rules())
    assert len(alerts) > 5
    for rule in alerts:
        asked = set(_NAME.findall(rule["expr"]))
        assert asked or rule["alert"] == "KlineWebDown", rule
        assert asked <= names, f"{rule['alert']} asks for {asked - names}"


def test_each_panel_asks_for_what_there_is(names: set[str]) -> None:
    panels = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
    assert len(panels) > 15
    for panel in panels:
        for target in panel["targets"]:
            asked = set(_NAME.findall(target["expr"]))
            assert asked or "up{" in target["expr"], target
            assert asked <= names, f"{panel['title']} asks for {asked - names}"


def test_each_alert_says_how_bad_it_is_and_what_it_is() -> None:
    alerts = list(rules())
    assert len({rule["alert"] for rule in alerts}) == len(alerts)
    for rule in alerts:
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]
