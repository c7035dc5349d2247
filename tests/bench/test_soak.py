"""The demo left alone for a while, in weather of all kinds: what `make demo` starts, faults of its exchange at random,
somebody who looks at it all the time, a probe each second.

SOAK_MINUTES (2) says how long the weather lasts, SOAK_SEED repeats one. From ten minutes on history begins where the
demo's own does; a shorter soak would be over before that is loaded, and takes the newest months.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
import pytest
from django.conf import settings

from market.domain.window import DAY_MS, MINUTE_MS, TimeWindow, day_start
from tests.bench.double import DoubleProcess
from tests.bench.soak_memory import Memory
from tests.bench.soak_readiness import Readiness
from tests.bench.soak_report import Figure, few, of_client, of_memory, of_probe, of_user
from tests.bench.soak_user import PATIENCE_S, User
from tests.bench.soak_weather import Weather
from tests.bench.tables import show
from tests.support.demo import Demo, running_demo
from tests.support.eventually import eventually
from tests.support.oracle import HOUR, assert_equals_truth
from tests.support.storm_clients import Follower, stopping
from tests.support.storm_truth import Truth

MINUTES: Final = float(os.environ.get("SOAK_MINUTES", "2"))
SEED: Final = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(1_000_000))
SYMBOLS: Final = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
GUEST: Final = "XRPUSDT"
_LONG: Final = 10.0
# Of the soak: when the guest comes, goes and comes back. In the end it stays, and is to be whole.
_VISITS: Final = (0.1, 0.35, 0.5, 0.65, 0.8)
_ERROR: Final = re.compile(r" (?:ERROR|CRITICAL) |Traceback \(most recent call last\)")
_DATABASE_ERROR: Final = re.compile(r" (?:ERROR|FATAL|PANIC): ")

pytestmark = pytest.mark.timeout(0)


class Soak:
    """The demo, its exchange, and whoever watches them."""

    def __init__(self, demo: Demo, start: int) -> None:
        """`start`: where history begins (ms)."""
        self.demo = demo
        self.exchange = DoubleProcess(demo.exchange_url)
        self.start = start
        self.user = User(demo.url, SYMBOLS)
        self.readiness = Readiness(demo.url, demo.services)
        self.memory = Memory(demo)
        self.weather = Weather(self.exchange, SEED, MINUTES * 60)
        # Since yesterday's midnight: what the clients see are bars of an hour at most.
        midnight = time.time_ns() // 1_000_000 // DAY_MS * DAY_MS
        self.recent = Truth(self.exchange, self.ask, start=midnight - DAY_MS)
        self.followers: list[Follower] = []
        self.began = 0.0
        self.loaded_s: float | None = None
        self.visits = 0
        # What came before is the making of the database.
        self._database_said = len(self._database_log())
        self.refused: list[str] = []

    def ask(self, statement: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.demo.services.database_url, autocommit=True) as connection:
            return connection.execute(statement.encode(), parameters).fetchall()

    def run(self, stack: ExitStack) -> None:
        """From the first answer to the end of the weather."""
        eventually(self._is_up, within=120, every=0.2)
        for watcher in (self.memory, self.user):
            watcher.begin()
            stack.callback(watcher.end)
        self.readiness.begin(*SYMBOLS)
        stack.callback(self.readiness.end)
        self.began = time.monotonic()
        self.weather.begin()
        stack.callback(self.weather.end)
        # Who asks for what was before gets what is stored of it.
        now = self.exchange.clock.now()
        Truth(self.exchange, self.ask, start=now // HOUR * HOUR - HOUR).wait_until_stored(SYMBOLS, within=300)
        self.recent.first = now // MINUTE_MS * MINUTE_MS
        self.followers = [
            Follower("steady", self.demo.web_port, SYMBOLS, ("1m", "5m", "1h"), since=self.recent.since),
            Follower(
                "restless", self.demo.web_port, SYMBOLS, ("1m", "5m"), since=self.recent.since, leaves_every_s=20.0
            ),
        ]
        stack.enter_context(stopping(self.followers))
        self._wait_with_visits()

    def settle_down(self) -> None:
        """The weather is over: what is under way arrives, and the exchange stands still."""
        eventually(self._is_loaded, within=600, every=1.0)
        self.exchange.clock.stop()
        self.recent.wait_until_stored((*SYMBOLS, GUEST), within=400)
        for follower in self.followers:
            self.recent.wait_until_sent(follower, within=60)

    def _database_log(self) -> list[str]:
        return self.demo.instance.postgres.log.read_text(errors="replace").splitlines()

    def _is_up(self) -> bool:
        assert self.demo.process.poll() is None, self.demo.log.read_text()
        try:
            return bool(self.demo.get("/api/status")["active_symbols"] == sorted(SYMBOLS))
        except httpx.TransportError as error:
            raise AssertionError(f"the web server does not answer: {error}") from error

    def _wait_with_visits(self) -> None:
        visits = [self.began + part * MINUTES * 60 for part in _VISITS]
        while time.monotonic() < self.began + MINUTES * 60:
            assert self.demo.process.poll() is None, self.demo.log.read_text()[-5_000:]
            if self.visits < len(visits) and time.monotonic() >= visits[self.visits]:
                self._visit()
            if self.loaded_s is None and self._is_loaded():
                self.loaded_s = time.monotonic() - self.began
            # A visitor a second; what is waited for is the time itself.
            time.sleep(1.0)

    def _visit(self) -> None:
        """The guest comes, or goes."""
        is_coming = self.visits % 2 == 0
        self.visits += 1
        if is_coming:
            reply = httpx.post(f"{self.demo.url}/api/symbols", json={"symbol": GUEST}, timeout=PATIENCE_S)
            self.readiness.track(GUEST)
        else:
            self.readiness.untrack(GUEST)
            reply = httpx.delete(f"{self.demo.url}/api/symbols/{GUEST}", timeout=PATIENCE_S)
        if not reply.is_success:
            self.refused.append(f"{reply.request.method} {GUEST}: {reply.status_code} {reply.text}")

    def _is_loaded(self) -> bool:
        """Whether every day of every symbol is done, but for today, which never is."""
        return all(entry["days_wanted"] - entry["days_done"] <= 1 for entry in self.demo.history().values())

    # What it came to

    def figures(self) -> Iterator[Figure]:
        yield Figure("weather, minutes", f"{MINUTES:g}")
        spells = f"{self.weather.spells}: {self.weather.struck.total()} / {len(self.weather.struck)}"
        yield Figure("spells: faults that struck / of how many kinds", spells, "> 0", bool(self.weather.struck))
        yield Figure("spells without any data of the stream", f"{self.weather.blackouts}")
        yield Figure("history loaded after, s", "not yet" if self.loaded_s is None else f"{self.loaded_s:.0f}")
        yield from of_user(self.user, self.refused)
        yield from of_probe(self.readiness)
        for follower in self.followers:
            yield of_client(follower, self.recent)
        # Warm: history is loaded, caches have seen a while of everything; at the latest when half the time is over.
        warm = self.began + min(max(self.loaded_s or 0.0, MINUTES * 60 * 0.25), MINUTES * 60 * 0.5)
        yield from of_memory(self.memory, warm)
        yield from self._data_figures()
        yield from self._log_figures()

    def _data_figures(self) -> Iterator[Figure]:
        window = TimeWindow(self.start, self.exchange.clock.now())
        try:
            assert_equals_truth(self.exchange, (*SYMBOLS, GUEST), window, self.ask)
            trouble = ""
        except AssertionError as error:
            trouble = str(error)
        ((count,),) = self.ask("SELECT count(*) FROM candle_1m")
        yield Figure(f"{count:,} minutes, rollups, ledger", "differ" if trouble else "equal", "equal", not trouble,
                     trouble)  # fmt: skip
        ((conflicts,),) = self.ask("SELECT coalesce(sum(conflict_rows), 0) FROM market_ledgerday")
        yield Figure("minutes that sources disagree about", f"{conflicts}", "0", conflicts == 0)
        verified = self.demo.manage("verify")
        yield Figure("manage.py verify, exit code", f"{verified.returncode}", "0", verified.returncode == 0,
                     verified.stdout[-2_000:])  # fmt: skip

    def _log_figures(self) -> Iterator[Figure]:
        for name, lines, pattern in (
            ("the demo's processes", self.demo.log.read_text(errors="replace").splitlines(), _ERROR),
            ("PostgreSQL", self._database_log()[self._database_said :], _DATABASE_ERROR),
        ):
            errors = [line for line in lines if pattern.search(line)]
            yield Figure(f"errors among {len(lines):,} lines of {name}", f"{len(errors)}", "0", not errors,
                         few(errors))  # fmt: skip


def _history_start() -> dt.date:
    if MINUTES >= _LONG:
        first: dt.date = settings.DATA_START
        return first
    return (dt.datetime.now(dt.UTC).date() - dt.timedelta(days=60)).replace(day=1)


@contextmanager
def _soaking(folder: Path) -> Iterator[Soak]:
    first = _history_start()
    with running_demo(folder, TRACKED_SYMBOL=",".join(SYMBOLS), DATA_START=str(first)) as demo:
        yield Soak(demo, day_start(first))


def test_the_demo_left_alone(tmp_path: Path) -> None:
    print(f"\nSOAK_SEED={SEED} SOAK_MINUTES={MINUTES:g}")
    with _soaking(tmp_path) as soak:
        with ExitStack() as stack:
            soak.run(stack)
            soak.weather.end()
            soak.settle_down()
        figures = list(soak.figures())
        soak.demo.stop()
    show(f"The demo, {MINUTES:g} minutes in weather {SEED}", ("", "figure", "bound", ""), [f.cells() for f in figures])
    unmet = [figure for figure in figures if not figure.is_met]
    for figure in unmet:
        print(f"{figure.name}: {figure.value}, expected {figure.bound}\n    {figure.trouble}")
    assert not unmet
