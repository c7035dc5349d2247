"""A market and its archive out of real files, laid out as the exchange lays them out."""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from feeds.fakebinance.archive import checksum_text
from feeds.fakebinance.bars import MINUTE_MS, Bars, Scale
from feeds.fakebinance.faults import Fault
from feeds.fakebinance.listings import Listing
from feeds.fakebinance.publication import ArchiveFile
from feeds.fakebinance.store import StoredObject, ZipStore, described
from feeds.fakebinance.visits import CHECKSUM_SUFFIX
from market.domain.window import Month, TimeWindow

# Where several files have a minute, REST shows the first of these.
_TREES: Final = ("futures/um/daily", "futures/um/monthly", "spot/daily", "spot/monthly")
# A number of this size cannot be milliseconds: newer spot files count microseconds.
_MICROSECONDS_FROM: Final = 10**14
_PRICES: Final = (1, 2, 3, 4)
_QUANTITIES: Final = (5, 9)
_QUOTES: Final = (7, 10)
# Column numbers in the file, in the order of Bars after `time`.
_CELLS: Final = (1, 2, 3, 4, 5, 7, 8, 9, 10)


@dataclass(frozen=True, slots=True)
class _Recording:
    """One ZIP of 1-minute candles and the window that its name promises."""

    path: Path
    window: TimeWindow
    rank: int


class RecordedMarket:
    """Serves the minutes of the files under a folder; what is not there does not exist. Thread-safe.

    A symbol's life is from the first minute to the last that its files may have; its grid is read off its files.
    """

    def __init__(self, folder: Path) -> None:
        """ValueError if the folder has no 1-minute ZIP in the archive's layout."""
        self._recordings: dict[str, list[_Recording]] = {}
        for rank, tree in enumerate(_TREES):
            for path in sorted(folder.glob(f"data/{tree}/klines/*/1m/*.zip")):
                window = _promised(path)
                if window is not None:
                    recording = _Recording(path, window, rank)
                    self._recordings.setdefault(path.parent.parent.name, []).append(recording)
        if not self._recordings:
            raise ValueError(f"{folder} has no file such as data/futures/um/monthly/klines/BTCUSDT/1m/*.zip")
        self._listings = {symbol: self._listing(symbol) for symbol in self._recordings}

    @property
    def listings(self) -> Mapping[str, Listing]:
        return self._listings

    def life(self, symbol: str) -> TimeWindow:
        windows = [recording.window for recording in self._recordings[symbol]]
        return TimeWindow(self._listings[symbol].onboard_ms, max(window.end for window in windows))

    def minutes(self, symbol: str, start: int, end: int) -> Bars:
        scale = self._listings[symbol].scale
        wanted = TimeWindow(start, max(start, end))
        parts = [
            read_zip(recording.path, scale).between(start, end)
            for recording in sorted(self._recordings[symbol], key=lambda recording: recording.rank)
            if not recording.window.intersect(wanted).is_empty
        ]
        joined = Bars.concat(parts, scale)
        # np.unique keeps the first of equal times: the better file's.
        _, chosen = np.unique(joined.time, return_index=True)
        return joined.take(chosen)

    def _listing(self, symbol: str) -> Listing:
        recordings = self._recordings[symbol]
        scales = [_sniff(recording.path) for recording in recordings]
        price, quantity, quote = (
            max(digits)
            for digits in zip(*((scale.price, scale.quantity, scale.quote) for scale in scales), strict=True)
        )
        start = min(recording.window.start for recording in recordings)
        # A month and its first day may both be there, and either may lack the first minutes.
        earliest = [recording.path for recording in recordings if recording.window.start == start]
        scale = Scale(price, quantity, quote)
        bars = Bars.concat([read_zip(path, scale) for path in earliest], scale)
        if not len(bars):
            raise ValueError(f"{earliest[0]} has no rows: expected minutes of {symbol}")
        return Listing(
            name=symbol,
            base_asset=symbol.removesuffix("USDT"),
            price_decimals=price,
            quantity_decimals=quantity,
            quote_decimals=quote,
            tick=int(np.gcd.reduce(np.concatenate([bars.open, bars.close]))),
            base_price=float(bars.close[0]) / 10.0**price,
            daily_move=0.0,
            minute_volume=0.0,
            quiet=0.0,
            onboard_ms=int(bars.time.min()),
        )


class RecordedBucket:
    """The files under a folder, byte for byte, whatever the clock says.

    A .CHECKSUM that is not there is made from its ZIP. Futures files with file faults are rebuilt by the store.
    """

    def __init__(self, folder: Path, store: ZipStore) -> None:
        self._folder = folder.resolve()
        self._store = store

    def zip(self, key: str, faults: Sequence[Fault]) -> StoredObject | None:
        path = self._find(key)
        if path is None or path.suffix != ".zip":
            return None
        file = ArchiveFile.parse(key)
        if faults and file is not None:
            return self._store.get(file, faults)
        status = path.stat()
        return _described(path, status.st_mtime_ns, status.st_size)

    def checksum(self, key: str, faults: Sequence[Fault]) -> tuple[bytes, int] | None:
        stored = self.zip(key, faults)
        if stored is None:
            return None
        original = self._find(key + CHECKSUM_SUFFIX)
        text = checksum_text(stored, key) if faults or original is None else original.read_bytes()
        return text, stored.modified_ms

    def keys(self, prefix: str) -> Iterator[str]:
        paths = (path for path in self._folder.glob("data/**/*.zip") if path.is_file())
        keys = [path.relative_to(self._folder).as_posix() for path in paths]
        both = (name for key in keys for name in (key, key + CHECKSUM_SUFFIX))
        yield from sorted((key for key in both if key.startswith(prefix)), key=str.encode)

    def _find(self, key: str) -> Path | None:
        """The file under a key; None if there is none or the key leads out of the folder."""
        path = (self._folder / key).resolve()
        return path if path.is_relative_to(self._folder) and path.is_file() else None


@lru_cache(maxsize=4_096)
def _described(path: Path, modified_ns: int, _size: int) -> StoredObject:
    """Digests of a file; time and size are part of the key, so that a changed file is read again."""
    return described(path, path.read_bytes(), modified_ns // 1_000_000)


def _promised(path: Path) -> TimeWindow | None:
    """The window in a file's name; None for a name that promises none."""
    period = path.stem.rpartition("-1m-")[2]
    try:
        return Month.parse(period).window if len(period) == 7 else TimeWindow.of_day(dt.date.fromisoformat(period))
    except ValueError:
        return None


@lru_cache(maxsize=16)
def read_zip(path: Path, scale: Scale) -> Bars:
    """The bars of a real file as exact integers, ascending. ValueError for a cell with more decimals than `scale`."""
    rows = list(_rows(path))
    columns = list(zip(*rows, strict=True)) or [()] * 12
    time = np.array([int(text) for text in columns[0]], dtype=np.int64)
    if len(time) and time[0] >= _MICROSECONDS_FROM:
        time = time // 1_000
    time = time // MINUTE_MS * MINUTE_MS
    values = (np.array([_units(text, _decimals(cell, scale)) for text in columns[cell]], np.int64) for cell in _CELLS)
    bars = Bars(scale, time, *values)
    return bars.take(np.argsort(time, kind="stable"))


def _rows(path: Path) -> Iterator[list[str]]:
    """The CSV's rows without its header, if it has one."""
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as raw:
        for row in csv.reader(io.TextIOWrapper(raw, encoding="ascii", newline="")):
            if row[0].isdecimal():
                yield row


def _sniff(path: Path) -> Scale:
    """The decimals that a file prints. Zero is printed without any, so the most that occur count."""
    rows = [row for row, _ in zip(_rows(path), range(2_000), strict=False)]

    def most(cells: Sequence[int]) -> int:
        return max((len(row[cell].partition(".")[2]) for row in rows for cell in cells), default=0)

    return Scale(most(_PRICES), most(_QUANTITIES), most(_QUOTES))


def _decimals(cell: int, scale: Scale) -> int:
    if cell in _PRICES:
        return scale.price
    if cell in _QUANTITIES:
        return scale.quantity
    return scale.quote if cell in _QUOTES else 0


def _units(text: str, decimals: int) -> int:
    whole, _, fraction = text.partition(".")
    if len(fraction) > decimals:
        raise ValueError(f"{text} has more than {decimals} decimals")
    return int(whole + fraction.ljust(decimals, "0"))
