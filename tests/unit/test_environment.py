"""A setting that cannot be read stops the start with its name, its value and the form expected."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from klineproject.environment import UnreadableSettings, read_environment

GIVEN = {"DATABASE_URL": "postgresql://u:s3cret@db/kline", "REDIS_URL": "redis://:s3cret@cache:6379/0"}


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("PORT", "http", "PORT='http': Input should be a valid integer"),
        ("PORT", "70000", "PORT='70000'"),
        ("DATA_START", "first of May", "DATA_START='first of May'"),
        ("BINANCE_REST_URL", "fapi.binance.com", "an address such as https://host is expected (or nothing)"),
        ("BINANCE_REST_URL", "https://fapi.binance.com:https", "BINANCE_REST_URL='https://fapi.binance.com:https': an"),
        ("BINANCE_WS_URL", "wss://[::1", "BINANCE_WS_URL='wss://[::1': an address such as wss://host is expected"),
        ("BINANCE_ARCHIVE_URL", "", "BINANCE_ARCHIVE_URL=''"),
        ("PROXY_PROTOCOL", "gopher", "PROXY_PROTOCOL='gopher'"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL='LOUD'"),
        ("DEBUG", "perhaps", "DEBUG='perhaps'"),
        ("PROXY_HOST", "proxy.example", "PROXY_PORT_START=None, PROXY_PORT_END=None"),
    ],
)
def test_a_bad_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UnreadableSettings) as refused:
        read_environment()
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql:/hunter2"),
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "postgresql://me:hunter2@host/"),
        ("REDIS_URL", ""),
        ("REDIS_URL", "mysql:/hunter2"),
        ("REDIS_URL", "redis://:hunter2/rest@cache:6379/0"),
    ],
)
def test_a_bad_secret_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UnreadableSettings) as refused:
        read_environment()
    assert f"{name}=(not shown)" in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("text", ["[BTCUSDT,XRPUSDT]", "BTCUSDT, XRPUSDT", "['BTCUSDT','XRPUSDT']", "BTCUSDT,XRPUSDT,"])
def test_symbols_are_read_in_the_original_form_and_in_the_plain_one(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TRACKED_SYMBOL", text)
    assert read_environment().tracked_symbol == ["BTCUSDT", "XRPUSDT"]


def test_an_empty_rest_address_means_the_archive_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_REST_URL", "")
    assert read_environment().binance_rest_url == ""


def test_a_process_that_cannot_start_says_why_without_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        env={**os.environ, "PORT": "http", "PROXY_PASSWORD": "hunter2"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "PORT='http'" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr


def _started(instance: str, **given: str) -> subprocess.CompletedProcess[str]:
    """A process of this instance, in which nothing else says where the exchange is, and which prints that."""
    script = (
        "from klineproject import settings as s; print(s.BINANCE_ARCHIVE_URL, s.BINANCE_REST_URL, s.BINANCE_WS_URL)"
    )
    others = {name: value for name, value in os.environ.items() if not name.startswith("BINANCE_")}
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**others, "KLINE_INSTANCE": instance, **given},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_only_the_real_thing_asks_the_real_exchange() -> None:
    assert "https://fapi.binance.com" in _started("run").stdout
    for instance in ("demo", "test"):
        asked = _started(instance, EXCHANGE_PORT="3007").stdout.split()
        assert asked == ["http://127.0.0.1:3007", "http://127.0.0.1:3007", "ws://127.0.0.1:3007/market"]


def test_a_demo_that_would_ask_another_exchange_does_not_start() -> None:
    refused = _started("demo", BINANCE_ARCHIVE_URL="https://archive.example")
    assert refused.returncode != 0
    assert "BINANCE_ARCHIVE_URL=https://archive.example: with KLINE_INSTANCE=demo" in refused.stderr
    assert _started("demo", BINANCE_ARCHIVE_URL="http://127.0.0.1:3009", BINANCE_REST_URL="").returncode == 0
