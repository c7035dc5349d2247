"""How a double is set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from feeds.fakebinance.faults import Fault
from feeds.fakebinance.listings import CATALOGUE, Listing, listing_of
from feeds.fakebinance.publication import Calendar
from feeds.fakebinance.streams import StreamLimits
from market.domain.window import Month

DEFAULT_HISTORY_START: Final = Month(2024, 1).window.start


@dataclass(frozen=True, slots=True)
class ExchangeConfig:
    """Everything that decides what a double serves.

    `symbols` are names (None: the whole catalogue); `listings` replaces the catalogue's entry for a name or adds
    one. `start_ms` sets the clock (None: the machine's time), `speed` its pace (0 freezes). No symbol has rows
    before `history_start`. A `busy` market trades in every quarter of a second of every symbol. With `archive_dir`
    the market is what the real files in there say, and seed, symbols, history start and busy mean nothing. ZIPs are
    kept in `cache_dir` (None: a temporary folder), at most `cache_bytes`. Streams send a closed frame for a minute
    without a trade only if `closes_idle` is set: no capture shows that the exchange does.
    """

    seed: int = 7
    symbols: tuple[str, ...] | None = None
    listings: tuple[Listing, ...] = ()
    history_start: int = DEFAULT_HISTORY_START
    start_ms: int | None = None
    speed: float = 1.0
    calendar: Calendar = field(default_factory=Calendar)
    weight_limit: int = 2_400
    patience: int = 20
    ban_ms: int = 120_000
    archive_dir: Path | None = None
    cache_dir: Path | None = None
    cache_bytes: int = 2 << 30
    zip_level: int = 1
    faults: tuple[Fault, ...] = ()
    busy: bool = False
    closes_idle: bool = False
    streams: StreamLimits = field(default_factory=StreamLimits)

    def market_listings(self) -> list[Listing]:
        """The symbols of a generated market. ValueError for an impossible name."""
        own = {listing.name: listing for listing in self.listings}
        if self.symbols is None:
            return list({**CATALOGUE, **own}.values())
        named = {name: own.get(name) or listing_of(name) for name in self.symbols}
        return list({**named, **own}.values())

    def identity(self) -> str:
        """Names the market: two configurations with the same name have the same files."""
        if self.archive_dir is not None:
            return f"recorded {self.archive_dir.resolve()}"
        kind = "busy" if self.busy else "generated"
        return f"{kind} {self.seed} {self.history_start} {self.calendar} {sorted(map(repr, self.market_listings()))}"
