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


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_a_bad_secret_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "mysql:/hunter2")
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
