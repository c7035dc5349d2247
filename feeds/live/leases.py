"""Which symbols are this collector's, as the wishes and leases in the database say."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from feeds.live.database import DATABASE_ERRORS, DatabaseThread
from market.models import Symbol
from market.selectors.symbols import symbols_tracked
from market.services.collectors import Facts, Turn, collector_leave, collector_turn, shards_release

logger = logging.getLogger(__name__)

# Between two turns: three of them within a lease, and a dead collector's shards are taken over well within 15 s.
TURN_S: Final = 2.5


@dataclass(frozen=True, slots=True)
class Assignment:
    """The symbols to stream, the names of all that are tracked, the shards to give back once their symbols are let
    go, and the operator's wish."""

    symbols: list[Symbol]
    tracked: frozenset[str]
    surplus: frozenset[int]
    is_wanted: bool
    generation: int


class Leases:
    """This collector's turns at the database. Between turns, and while the database is away, the last assignment
    holds: whoever streams a symbol goes on until he learns that it is another's."""

    def __init__(self, database: DatabaseThread, collector: UUID, *, shard_count: int) -> None:
        self._database = database
        self._collector = collector
        self._shard_count = shard_count
        self._is_away = False
        self._followed = shard_count

    async def turn(self, *, is_connected: bool, connections: int, symbols: int) -> Assignment | None:
        """What is to be done now; None while the database is away."""
        facts = Facts(socket.gethostname(), os.getpid(), is_connected, connections, symbols)
        try:
            assignment = await self._database.run(self._assignment, facts)
        except DATABASE_ERRORS as error:
            if not self._is_away:
                logger.warning("the database is away, the collector goes on as it is: %s", error)
            self._is_away = True
            return None
        if self._is_away:
            logger.warning("the database answers again")
        self._is_away = False
        return assignment

    async def release(self, shards: Collection[int]) -> None:
        """Give shards back to those who have too few."""
        await self._database.run(shards_release, collector=self._collector, shards=shards)

    async def leave(self) -> None:
        """Give everything back."""
        await self._database.run(collector_leave, collector=self._collector)

    def _assignment(self, facts: Facts) -> Assignment:
        turn: Turn = collector_turn(collector=self._collector, facts=facts, shard_count=self._shard_count)
        if turn.shard_count not in {self._followed, self._shard_count}:
            logger.warning(
                "COLLECTOR_SHARDS is %d here and %d at the collector that has run longest, whose number counts until "
                "it ends: give all machines the same",
                self._shard_count,
                turn.shard_count,
            )
        self._followed = turn.shard_count
        kept = turn.shards - turn.surplus
        tracked = symbols_tracked()
        symbols = [symbol for symbol in tracked if symbol.id % turn.shard_count in kept]
        return Assignment(
            symbols, frozenset(symbol.name for symbol in tracked), turn.surplus, turn.is_wanted, turn.generation
        )
