"""Databases and the exchange double of the benchmarks: nothing here is shared with a product or with the tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from pytest_django.plugin import DjangoDbBlocker

from klineproject.environment import BASE_DIR
from tests.bench.double import SYMBOLS, YEAR, DoubleProcess


@pytest.fixture(scope="session", autouse=True)
def _database_access(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Benchmarks commit, and measure what commits cost: they make databases of their own."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="session")
def double() -> Iterator[DoubleProcess]:
    """The exchange double in a process of its own, every ZIP of the year made."""
    command = [sys.executable, "-m", "feeds.fakebinance", "--port=0", "--clock=2025-01-11T03:25",
               f"--symbols={','.join(SYMBOLS)}"]  # fmt: skip
    with subprocess.Popen(command, cwd=BASE_DIR, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            exchange = DoubleProcess(process.stdout.readline().split()[-1])
            exchange.prewarm(YEAR.months())
            yield exchange
        finally:
            process.terminate()
