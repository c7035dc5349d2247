"""Where a minute came from, and what a day's ledger entry says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Source(IntEnum):
    """Origin of a stored minute; the greater value is the more trusted one.

    The stream may correct itself after the fact; monthly files have lacked days and differed from the daily
    ones, which outrank them together with REST (binance-public-data#475); the daily file is the exchange's
    settled word and has a checksum. The numbers are stored: never renumber them.
    """

    LIVE = 1
    MONTHLY = 2
    REST = 3
    DAILY = 4


class DayState(StrEnum):
    """State of one symbol on one UTC day in the ledger.

    missing   nothing stored yet
    partial   some minutes stored, not all
    archive   complete, every minute from a checksummed file
    rest      complete, the least trusted minute from REST
    live      complete, the least trusted minute from the stream
    empty     no source has any minute; not asked for again until told to
    conflict  sources disagreed; the better one is stored and the entry says what differed
    """

    MISSING = "missing"
    PARTIAL = "partial"
    ARCHIVE = "archive"
    REST = "rest"
    LIVE = "live"
    EMPTY = "empty"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """An archive file whose rows are being stored: its path at the archive, digest, size in bytes and row count."""

    path: str
    sha256: str
    size: int
    rows: int
