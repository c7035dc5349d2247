"""The live side as a whole, in processes of its own, and the hands that break it.

One double, whose clock may run fast, private services, a web server, collectors, the history's worker with its beat,
and clients. What is seen on the way is written down in `Seen`; a test judges it afterwards.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg

from feeds.fakebinance.faults import Fault
from feeds.fakebinance.frames import stream_of
from feeds.fakebinance.server import FakeExchange
from klineproject.local.instance import Instance, Services
from market.domain.window import MINUTE_MS
from market.services.claims import HISTORY_RUNNER
from tests.support.eventually import eventually
from tests.support.machine import free_port
from tests.support.storm_clients import Follower
from tests.support.storm_processes import Process, Processes
from tests.support.storm_truth import Truth


@dataclass
class Seen:
    """What happened in a storm, for the tests to judge. Seconds are real ones."""

    takeovers_s: list[float] = field(default_factory=list)
    endings: list[tuple[str, int, float]] = field(default_factory=list)  # of collectors: name, exit code, seconds
    premature: list[tuple[int, int]] = field(default_factory=list)  # a stored minute and the exchange's time then
    looks: int = 0  # how often the newest stored minute was looked at
    stale_after_s: float | None = None
    by_rest_while_stale: int = 0
    unused_faults: list[str] = field(default_factory=list)


class Storm:
    """Everything that runs, and what must come of it: `truth`."""

    def __init__(
        self,
        exchange: FakeExchange,
        instance: Instance,
        services: Services,
        folder: Path,
        environ: dict[str, str],
        *,
        speed: float,
    ) -> None:
        """`speed` is how fast the exchange's clock will run."""
        self.exchange = exchange
        self.instance = instance
        self.seen = Seen()
        self.web_port = free_port()
        self.processes = Processes(
            folder,
            {
                "DJANGO_SETTINGS_MODULE": "klineproject.settings",
                "DATABASE_URL": services.database_url,
                "REDIS_URL": services.redis_url,
                "BINANCE_ARCHIVE_URL": exchange.url,
                "BINANCE_REST_URL": exchange.url,
                "BINANCE_WS_URL": exchange.ws_url,
                "PROXY_HOST": "",
                "LOG_LEVEL": "INFO",
                "LOG_FORMAT": "text",
                **environ,
            },
        )
        self.truth = Truth(exchange, self.ask)
        self.followers: list[Follower] = []
        self._database_url = services.database_url
        self._speed = speed
        self._began = 0
        self._length_ms = 0
        self._faults: list[Fault] = []

    # Time

    def begin(self, length_ms: int) -> None:
        """From now on `at` counts."""
        self._began, self._length_ms = self.exchange.clock.now(), length_ms

    def at(self, part: float) -> None:
        """Wait until this part of the storm is over, watching."""
        due = self._began + int(part * self._length_ms)
        left_s = self.exchange.clock.real_seconds(max(0, due - self.exchange.clock.now()))
        self._watch_until(lambda: self.exchange.clock.now() >= due, within=left_s + 30)

    def for_seconds(self, real_s: float) -> None:
        """Let real time pass, watching."""
        end = time.monotonic() + real_s
        self._watch_until(lambda: time.monotonic() >= end, within=real_s + 30)

    def look(self) -> None:
        """Write down a stored minute that is not over yet; remember what processes there are."""
        self.processes.look()
        with contextlib.suppress(psycopg.OperationalError):
            ((newest,),) = self.ask("SELECT (extract(epoch FROM max(time)) * 1000)::bigint FROM candle_1m")
            now = self.exchange.clock.now()
            self.seen.looks += 1
            if newest is not None and newest + MINUTE_MS > now:
                self.seen.premature.append((newest, now))

    def _watch_until(self, condition: Callable[[], bool], *, within: float) -> None:
        """`eventually`, with a look at everything each time."""

        def is_so() -> bool:
            self.look()
            return condition()

        eventually(is_so, within=within, every=0.1)

    # Processes

    def web(self) -> Process:
        process = self.processes.start("web", "--port", str(self.web_port))
        eventually(self._is_served, within=60, every=0.1)
        return process

    def collector(self) -> Process:
        return self.processes.start("collector", "--clock-speed", str(self._speed))

    def status(self) -> dict[str, Any]:
        """GET /api/status. Raises httpx.TransportError while nobody answers."""
        reply = httpx.get(f"http://127.0.0.1:{self.web_port}/api/status", timeout=10)
        assert reply.status_code == 200, reply.text
        data: dict[str, Any] = reply.json()["data"]
        return data

    def kill_collector(self, victim: Process, symbols: Sequence[str]) -> None:
        """Kill one of several, and write down how long the others take until they stream its symbols too."""
        eventually(lambda: self._shards_of(victim) > 0, within=60)
        killed = victim.kill()
        streams = {stream_of(symbol) for symbol in symbols}

        def is_taken_over() -> bool:
            subscribed = {name for record in self.exchange.connections.open_now() for name in record.streams}
            return streams <= subscribed and self._shards_of(victim) == 0

        self._watch_until(is_taken_over, within=60)
        self.seen.takeovers_s.append(time.monotonic() - killed)

    @contextlib.contextmanager
    def suspended(self, collector: Process) -> Iterator[None]:
        """One of several stands still for a while, as on a machine that sleeps."""
        eventually(lambda: self._shards_of(collector) > 0, within=60)
        os.kill(collector.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(collector.pid, signal.SIGCONT)

    def wait_until_taken_over(self, collector: Process) -> None:
        """Until all of its leases are another's."""
        self._watch_until(lambda: self._shards_of(collector) == 0, within=60)

    def end_collector(self, collector: Process) -> None:
        """SIGTERM, and write down how it ended."""
        code, seconds = collector.terminate(within=60)
        self.seen.endings.append((collector.name, code, seconds))

    def wait_for_shards(self, *collectors: Process, within: float = 60.0) -> None:
        """Until each of these has a share of the symbols."""

        def shared_out() -> bool:
            for collector in collectors:
                if not collector.is_running:
                    raise RuntimeError(f"{collector.name} has ended by itself:\n{collector.said()}")
            return all(self._shards_of(collector) for collector in collectors)

        self._watch_until(shared_out, within=within)

    def _shards_of(self, collector: Process) -> int:
        try:
            ((count,),) = self.ask(
                "SELECT count(*) FROM market_collectorshard WHERE holder_id ="
                " (SELECT id FROM market_collector WHERE pid = %s ORDER BY started_at DESC LIMIT 1)",
                [collector.pid],
            )
        except psycopg.OperationalError as error:
            raise AssertionError(f"the database does not answer: {error}") from error
        return int(count)

    def _is_served(self) -> bool:
        try:
            return bool(self.status())
        except httpx.TransportError as error:
            raise AssertionError(f"the web server does not answer: {error}") from error

    # Faults

    def fault(self, name: str, **rule: Any) -> Fault:
        """Put a fault into force; at the end each must have struck."""
        fault = self.exchange.faults.add(name, **rule)
        self._faults.append(fault)
        return fault

    def faults_end(self) -> None:
        """No more faults; write down those that never struck."""
        hits = self.exchange.faults.hits
        self.seen.unused_faults = [f"{fault.name} {fault.match}" for fault in self._faults if not hits(fault.id)]
        self.exchange.faults.clear()

    def silence(self, symbol: str) -> None:
        """Let one stream be acknowledged and bring nothing, until that is reported and REST has brought two minutes."""

        def is_stale() -> bool | None:
            """None: no collector has told yet."""
            (entry,) = (entry for entry in self.status()["live"] if entry["symbol"] == symbol)
            return None if entry["age_s"] is None else bool(entry["is_stale"])

        self._watch_until(lambda: is_stale() is False, within=60)
        begun_ms, begun = self.exchange.clock.now(), time.monotonic()
        fault = self.fault("mute", match={"symbol": symbol})
        self._watch_until(lambda: is_stale() is True, within=120)
        self.seen.stale_after_s = time.monotonic() - begun

        def has_come_by_rest() -> bool:
            ((self.seen.by_rest_while_stale,),) = self.ask(
                "SELECT count(*) FROM candle_1m JOIN market_symbol ON market_symbol.id = symbol_id"
                " WHERE name = %s AND source = 3 AND time >= to_timestamp(%s / 1000.0)",
                [symbol, begun_ms],
            )
            return self.seen.by_rest_while_stale >= 2

        self._watch_until(has_come_by_rest, within=300)
        self.exchange.faults.remove(fault.id)

    def track(self, symbol: str) -> None:
        """POST /api/symbols."""
        reply = httpx.post(f"http://127.0.0.1:{self.web_port}/api/symbols", json={"symbol": symbol}, timeout=20)
        assert reply.status_code == 200, reply.text

    def wait_until_history_is_filled(self) -> None:
        """Until the worker is at it."""
        held = (
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND (classid::bigint << 32) + objid::bigint = %s"
        )
        eventually(lambda: self.ask(held, [HISTORY_RUNNER]), within=60, every=0.005)

    # The database and the clock

    def ask(self, statement: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of one statement. Raises psycopg.OperationalError while the database is away."""
        with psycopg.connect(self._database_url, autocommit=True, connect_timeout=5) as connection:
            return connection.execute(statement.encode(), parameters).fetchall()

    def stop_clock(self) -> None:
        """The exchange stands still in the middle of a minute: what is closed now stays all that is closed."""
        clock = self.exchange.clock
        clock.freeze()
        middle = clock.now() // MINUTE_MS * MINUTE_MS + MINUTE_MS // 2
        clock.set(max(middle, clock.now()))
