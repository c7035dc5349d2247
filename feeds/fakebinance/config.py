"""How a double is set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from feeds.fakebinance.faults import Fault
from feeds.fakebinance.listings import CATALOGUE, Listing, listing_of
from feeds.fakebinance.publication import Calendar
from market.domain.window import Month

DEFAULT_HISTORY_START: Final = Month(2024, 1).window.start


@dataclass(frozen=True, slots=True)
class ExchangeConfig:
    """Everything that decides what a double serves.

    `symbols` are names (None: the whole catalogue); `listings` replaces the catalogue's entry for a name or adds
    one. `start_ms` sets the clock (None: the machine's time), `speed` its pace (0 freezes). No symbol has rows
    before `history_start`. With `archive_dir` the market is what the real files in there say, and seed, symbols and
    history start mean nothing. ZIPs are kept in `cache_dir` (None: a temporary folder), at most `cache_bytes`.
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
        return f"generated {self.seed} {self.history_start} {self.calendar} {sorted(map(repr, self.market_listings()))}"
