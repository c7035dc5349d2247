"""Whether /readyz and /healthz tell the truth, each second, by what can be seen without them.

The witness for the data is a socket that hears every symbol: a forming bar is there only because the stream has
brought it just now, so the age of the newest one is the age of the stream's data. (A closed bar proves nothing: REST
brings those of a silent stream.) The witnesses for the services are connections of the probe's own.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import psycopg
from redis import Redis, RedisError
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from klineproject.local.instance import Services

# The product's own bound: a symbol is stale when its stream has brought nothing for so long.
STALE_S: Final = 45.0
# For how long an answer may differ from what is seen here: a collector reports every 2 s, an answer is kept for 1 s,
# and a probe each second sees a change a second late at its beginning and at its end.
GRACE_S: Final = 5.0
_EVERY_S: Final = 1.0
_FRESH: Final = re.compile(r"(\d+)(?: of \d+)? symbols are fresh")


@dataclass(slots=True)
class Stretch:
    """For how long something has been so without a break, at most; `what` tells when and how it was at the end."""

    longest_s: float = 0.0
    what: str = ""
    _since: float | None = None

    def look(self, at: float, *, is_so: bool, what: str) -> None:
        if not is_so:
            self._since = None
            return
        self._since = at if self._since is None else self._since
        if at - self._since >= self.longest_s:
            self.longest_s, self.what = at - self._since, f"{time.strftime('%H:%M:%S')} {what}"


@dataclass(slots=True)
class Readiness:
    """Probes and judges, in threads of its own.

    `praise`: for how long more symbols were called fresh than were; `blame`: fewer. `wrong_status`: 200 with nothing
    fresh or a service away, or 503 with all well. `not_ready` counts the answers of 503, right or wrong; `away` says
    which probes got none, or another.
    """

    url: str
    services: Services
    praise: Stretch = field(default_factory=Stretch)
    blame: Stretch = field(default_factory=Stretch)
    wrong_status: Stretch = field(default_factory=Stretch)
    probes: int = 0
    not_ready: int = 0
    away: list[str] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    _tracked: dict[str, float] = field(default_factory=dict)
    _heard: dict[str, float] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def begin(self, *symbols: str) -> None:
        for symbol in symbols:
            self.track(symbol)
        for work in (self._listen, self._probe):
            thread = threading.Thread(target=work, name=work.__name__, daemon=True)
            thread.start()
            self._threads.append(thread)

    def end(self) -> None:
        assert self._threads, "nobody probes"
        self._stopping.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), f"{thread.name} does not end"

    def track(self, symbol: str) -> None:
        """Data of it should come from now on."""
        self._heard.pop(symbol, None)
        self._tracked[symbol] = time.monotonic()

    def untrack(self, symbol: str) -> None:
        del self._tracked[symbol]

    def ages(self) -> dict[str, float]:
        """Seconds since the newest data of each symbol that has brought any."""
        now = time.monotonic()
        return {symbol: now - at for symbol, at in list(self._heard.items()) if symbol in self._tracked}

    def _listen(self) -> None:
        """A socket without a subscription hears the minutes of all symbols."""
        address = f"{self.url.replace('http', 'ws', 1)}/ws"
        while not self._stopping.is_set():
            with contextlib.suppress(OSError, WebSocketException), connect(address, compression=None) as link:
                while not self._stopping.is_set():
                    with contextlib.suppress(TimeoutError):
                        frame = json.loads(link.recv(timeout=0.5))
                        if frame["type"] == "kline" and not frame["data"]["is_closed"]:
                            self._heard[frame["data"]["symbol"]] = time.monotonic()
            self._stopping.wait(0.2)

    def _probe(self) -> None:
        with httpx.Client(base_url=self.url, timeout=5.0) as client:
            while not self._stopping.is_set():
                begun = time.monotonic()
                for path, codes in (("/healthz", {200}), ("/readyz", {200, 503})):
                    try:
                        asked = time.monotonic()
                        reply = client.get(path)
                        self.latencies.append(time.monotonic() - asked)
                    except httpx.HTTPError as error:
                        self.away.append(f"{time.strftime('%H:%M:%S')} {path}: {error!r}")
                        continue
                    if reply.status_code not in codes:
                        self.away.append(f"{time.strftime('%H:%M:%S')} {path}: {reply.status_code} {reply.text}")
                    elif path == "/readyz":
                        self._judge(reply.status_code, reply.json())
                self._stopping.wait(max(0.0, _EVERY_S - (time.monotonic() - begun)))

    def _judge(self, status: int, body: Any) -> None:
        self.probes += 1
        self.not_ready += status == 503
        now, ages = time.monotonic(), self.ages()
        fresh = sum(age <= STALE_S for age in ages.values())
        reasons = {check["name"]: check["reason"] for check in body["checks"]}
        match = _FRESH.match(reasons["collector"])
        said = 0 if match is None else int(match[1])
        seen = {symbol: round(age, 1) for symbol, age in ages.items()}
        what = f"{status} {reasons['collector']!r} {seen}"
        self.praise.look(now, is_so=said > fresh, what=what)
        self.blame.look(now, is_so=said < fresh, what=what)
        answering = self._services_answer()
        called_well = {check["name"] for check in body["checks"] if check["is_ok"]}
        is_wrong = not {"database", "redis", "migrations"} & answering <= called_well
        # Before the first data of all, nobody can tell.
        if ages:
            is_ready = bool(fresh) and {"database", "redis"} <= answering
            is_wrong |= is_ready != (status == 200)
        self.wrong_status.look(now, is_so=is_wrong, what=f"{status} {reasons} {seen} {sorted(answering)}")

    def _services_answer(self) -> set[str]:
        answering = set()
        with contextlib.suppress(psycopg.Error), psycopg.connect(self.services.database_url, connect_timeout=2) as link:
            link.execute("SELECT 1")
            answering |= {"database", "migrations"}
        with contextlib.suppress(RedisError), Redis.from_url(self.services.redis_url, socket_timeout=2) as redis:
            redis.ping()
            answering.add("redis")
        return answering
