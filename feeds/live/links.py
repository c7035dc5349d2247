"""Which symbol goes over which link to the stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable

from feeds.binance.connecting import ConnectBudget
from feeds.binance.connection import StreamTiming
from feeds.binance.proxies import ProxySettings
from feeds.binance.routes import StreamRoutes
from feeds.binance.stream import StreamLink
from market.cancelling import cancel


class Links:
    """As many links as the symbols need, at most `symbols_per_link` on each.

    A symbol stays where it is until it is dropped: adding and removing others never touches its subscription.
    """

    def __init__(
        self,
        base_url: str,
        *,
        symbols_per_link: int,
        deliver: Callable[[bytes], bool],
        expects_data: Callable[[Collection[str], float], bool],
        timing: StreamTiming,
        proxies: ProxySettings | None = None,
    ) -> None:
        """`proxies`: the ways out that the links share; without them one direct way."""
        self._base_url = base_url
        self._room = symbols_per_link
        self._deliver = deliver
        self._expects_data = expects_data
        self._timing = timing
        self._budget = ConnectBudget()
        self._routes = StreamRoutes(proxies)
        self._tasks: dict[StreamLink, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._link_of: dict[str, StreamLink] = {}
        self._connects_before = 0

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def is_delivering(self) -> bool:
        """Whether candles come over any link."""
        return any(link.is_delivering for link in self._tasks)

    @property
    def connects(self) -> int:
        """Attempts to connect so far, of links that are gone as well."""
        return self._connects_before + sum(link.connects for link in self._tasks)

    def link_of(self, symbol: str) -> StreamLink | None:
        return self._link_of.get(symbol)

    def carry(self, symbols: Iterable[str]) -> None:
        """Carry exactly these from now on."""
        wanted = set(symbols)
        for symbol in self._link_of.keys() - wanted:
            del self._link_of[symbol]
        members: dict[StreamLink, set[str]] = {link: set() for link in self._tasks}
        for symbol, link in self._link_of.items():
            members[link].add(symbol)
        for symbol in sorted(wanted - self._link_of.keys()):
            roomy = [link for link, carried in members.items() if len(carried) < self._room]
            link = min(roomy, key=lambda link: len(members[link])) if roomy else self._new_link()
            members.setdefault(link, set())
            members[link].add(symbol)
            self._link_of[symbol] = link
        for link, carried in members.items():
            if not carried:
                self._connects_before += link.connects
                leaving = asyncio.create_task(cancel([self._tasks.pop(link)]), name="leaving stream link")
                self._leaving.add(leaving)
                leaving.add_done_callback(self._leaving.discard)
                continue
            if carried != link.symbols:
                link.carry(carried)
            if link not in self._tasks:
                self._tasks[link] = asyncio.create_task(link.run(), name="stream link")

    async def close(self) -> None:
        """Stop reading."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        self._link_of.clear()
        await cancel(tasks)
        await asyncio.gather(*self._leaving)

    def _new_link(self) -> StreamLink:
        return StreamLink(
            self._base_url,
            deliver=self._deliver,
            expects_data=self._expects_data,
            budget=self._budget,
            routes=self._routes,
            timing=self._timing,
        )
