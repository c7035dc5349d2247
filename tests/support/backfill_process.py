"""`manage.py backfill` as a process of its own, on services that belong to the test alone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg
from psycopg import sql

from feeds.fakebinance.server import FakeExchange
from klineproject.local.instance import Instance, Services
from klineproject.local.places import CHECKOUT
from tests.support.eventually import eventually
from tests.support.machine import is_alive

_TABLES: Final = (
    *("candle_1m", "candle_5m", "candle_15m", "candle_1h", "candle_4h", "candle_1d", "candle_1w", "candle_1mo"),
    *("market_ledgerday", "market_archivefile", "market_symbol"),
)
# At the end of one file in this many others may be on their way: one download slot, two processes, one in between.
UNITS_AT_ONCE: Final = 4


class Run:
    """One backfill process and the processes that it started."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log
        self._family: dict[int, psutil.Process] = {process.pid: psutil.Process(process.pid)}
        self.peak_rss: dict[int, int] = {}

    def look(self) -> None:
        """Remember the children that there are now, and how much memory each process has used at most."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                self._family[child.pid] = child
        for pid in self._family:
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                    if line.startswith("VmHWM:"):
                        self.peak_rss[pid] = int(line.split()[1]) * 1024

    def workers(self) -> list[psutil.Process]:
        """The processes that store files."""
        self.look()
        return [process for process in self._family.values() if _is_worker(process)]

    def wait(self, within: float = 90.0) -> int:
        """The exit code; memory is watched meanwhile."""

        def is_over() -> bool:
            self.look()
            return self.process.poll() is not None

        try:
            eventually(is_over, within=within)
        except AssertionError:
            # Where it stands: the fault handler writes the stack of every thread.
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            raise AssertionError(f"the backfill did not end within {within} s:\n{self.output()}") from None
        return self.process.returncode

    def kill(self) -> None:
        """SIGKILL to the process that was started, and to no other."""
        self.look()
        self.process.kill()
        self.process.wait()

    def survivors(self) -> list[psutil.Process]:
        """What is still running of all that belonged to this run."""
        return [process for process in self._family.values() if is_alive(process)]

    def assert_all_gone(self, within: float = 60.0) -> None:
        """Nothing of this run outlives it."""
        eventually(lambda: not self.survivors(), within=within)

    def output(self) -> str:
        """The end of what the process printed."""
        return self._log.read_text(errors="replace")[-20_000:]


class Stage:
    """Private services with a migrated database, and a double whose market is loaded into it."""

    def __init__(self, instance: Instance, services: Services, folder: Path) -> None:
        self.instance = instance
        self._services = services
        self._folder = folder
        self._runs = 0

    def migrate(self) -> None:
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
            check=True,
            cwd=CHECKOUT,
            env={**os.environ, **self._environment("http://127.0.0.1:9")},
        )

    def reset(self, *symbols: str) -> None:
        """Empty tables, these symbols tracked, an empty Redis."""
        names = sql.SQL(", ").join(map(sql.Identifier, _TABLES))
        self.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(names))
        for name in symbols:
            self.execute(
                "INSERT INTO market_symbol (name, status, contract_type, base_asset, quote_asset, is_tracked,"
                " updated_at) VALUES (%s, 'TRADING', 'PERPETUAL', '', 'USDT', true, now())",
                [name],
            )

    def execute(self, statement: str | sql.Composable, parameters: list[Any] | None = None) -> None:
        with psycopg.connect(self._services.database_url, autocommit=True) as connection:
            connection.execute(statement, parameters)  # type: ignore[arg-type]

    def ask(self, statement: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of one statement."""
        with psycopg.connect(self._services.database_url, autocommit=True) as connection:
            return connection.execute(statement.encode(), parameters).fetchall()

    def quiet(self) -> bool:
        """Whether every connection of killed processes is gone; until then one may still commit."""
        rows = self.ask("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'klineproject'", None)
        return bool(rows[0][0] == 0)

    @contextlib.contextmanager
    def backfill(self, exchange: FakeExchange, first: str, last: str, **settings: str) -> Iterator[Run]:
        """A running backfill of all tracked symbols from one day to another; killed at the end of the block."""
        self._runs += 1
        log = self._folder / f"backfill-{self._runs}.log"
        command = [sys.executable, "manage.py", "backfill", "--from", first, "--to", last]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=CHECKOUT,
                env={**os.environ, **self._environment(exchange.url), **settings},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        run = Run(process, log)
        try:
            yield run
        finally:
            run.look()
            if process.poll() is None:
                process.kill()
            process.wait()
            for process_left in run.survivors():
                with contextlib.suppress(psutil.NoSuchProcess):
                    process_left.kill()

    def _environment(self, exchange_url: str) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": "klineproject.settings",
            "DATABASE_URL": self._services.database_url,
            "REDIS_URL": self._services.redis_url,
            "BINANCE_ARCHIVE_URL": exchange_url,
            "BINANCE_REST_URL": exchange_url,
            "STORE_PROCESSES": "2",
            "PROXY_HOST": "",
            "LOG_LEVEL": "INFO",
            # What a test that fails can say about a process that hangs.
            "PYTHONUNBUFFERED": "1",
            "PYTHONFAULTHANDLER": "1",
        }


def _is_worker(process: psutil.Process) -> bool:
    try:
        return is_alive(process) and any("spawn_main" in part for part in process.cmdline())
    except psutil.NoSuchProcess:
        return False
