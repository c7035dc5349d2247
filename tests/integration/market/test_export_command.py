"""manage.py export_candles."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pyarrow import parquet
from pytest_django import Settings

from market.models import Symbol
from market.selectors import export
from tests.support.candles import load, make_symbol, ms, random_frame
from tests.support.served import database_url
from tests.support.web_server import PROJECT

pytestmark = pytest.mark.django_db

DAY = ms("2024-02-01")


@pytest.fixture
def symbol(monkeypatch: pytest.MonkeyPatch) -> Symbol:
    """Three days of minutes."""
    monkeypatch.setattr(export, "_PAGE_BUCKETS", 1_000)
    symbol = make_symbol()
    load(symbol, random_frame(1, DAY, 3 * 1_440))
    return symbol


def test_a_file_has_the_days_from_the_first_to_the_last(symbol: Symbol, tmp_path: Path) -> None:
    target = tmp_path / "candles.csv"
    call_command("export_candles", "btcusdt", "--from=2024-02-02", "--to=2024-02-02", f"--output={target}")
    lines = target.read_text().splitlines()
    assert len(lines) == 1_441
    assert lines[1].startswith(f"{ms('2024-02-02')},")
    assert lines[-1].startswith(f"{ms('2024-02-02T23:59')},")


def test_without_a_name_the_file_is_called_after_what_it_has(
    symbol: Symbol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call_command("export_candles", "BTCUSDT", "--interval=1h", "--format=parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["BTCUSDT-1h.parquet"]
    assert parquet.read_table(tmp_path / "BTCUSDT-1h.parquet").num_rows == 72


def test_progress_is_told_beside_the_output(symbol: Symbol, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("export_candles", "BTCUSDT", f"--output={tmp_path / 'x.csv'}")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "4,320 rows to" in captured.err


def test_a_file_that_fails_in_the_middle_is_not_there_and_an_older_one_stays(
    symbol: Symbol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "candles.csv"
    target.write_text("older")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(CommandError, match="No space left"):
        call_command("export_candles", "BTCUSDT", f"--output={target}")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"candles.csv": "older"}


def test_a_folder_that_is_not_there_is_named(symbol: Symbol, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"nowhere/x\.csv cannot be written"):
        call_command("export_candles", "BTCUSDT", f"--output={tmp_path / 'nowhere' / 'x.csv'}")


def test_a_symbol_that_is_not_known_is_named() -> None:
    with pytest.raises(CommandError, match="NOSUCHUSDT is not known"):
        call_command("export_candles", "NOSUCHUSDT")


@pytest.mark.parametrize("option", ["--from=yesterday", "--interval=2m", "--format=xml"])
def test_an_option_that_cannot_be_read_is_refused(symbol: Symbol, option: str) -> None:
    with pytest.raises(CommandError):
        call_command("export_candles", "BTCUSDT", option)


def test_a_range_that_ends_before_it_begins_is_refused(symbol: Symbol) -> None:
    with pytest.raises(CommandError, match="--from must not lie after --to"):
        call_command("export_candles", "BTCUSDT", "--from=2024-02-03", "--to=2024-02-01")


@pytest.mark.django_db(transaction=True)
def test_standard_output_is_the_file_and_nothing_else(symbol: Symbol, settings: Settings) -> None:
    command = [sys.executable, "manage.py", "export_candles", "BTCUSDT", "--interval=1d", "--output=-"]
    environ = {**os.environ, "DATABASE_URL": database_url()}
    run = subprocess.run(command, cwd=PROJECT, env=environ, capture_output=True, check=True, timeout=60)
    lines = run.stdout.decode().splitlines()
    assert [line.split(",")[0] for line in lines] == ["time", *(str(DAY + day * 86_400_000) for day in range(3))]
    assert b"3 rows to standard output" in run.stderr
