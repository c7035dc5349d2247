"""The archive's objects: ZIPs made on demand, kept on disk within a bound, the same bytes every time."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import os
import shutil
import tempfile
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from feeds.fakebinance import tampering
from feeds.fakebinance.faults import Fault, days_named
from feeds.fakebinance.market import Market
from feeds.fakebinance.publication import HOUR_MS, ArchiveFile, Calendar, Tier
from market.domain.window import Month

# Names the way files are made: a change of it makes files kept by an earlier version invisible.
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A ZIP on disk and what its headers and its .CHECKSUM say. `etag` is the quoted MD5, as the store's."""

    path: Path
    size: int
    sha256: str
    etag: str
    modified_ms: int


class ZipStore:
    """Makes and keeps ZIPs; safe to use from many threads, each file is made once.

    `identity` names the market (seed, history start): files are kept under it, so that a folder given by the
    caller may be shared by different markets and outlives the process. Without a folder a temporary one is used
    and removed by `close`. The files unused for longest go when this process has made more than `limit_bytes`.
    """

    def __init__(
        self,
        market: Market,
        calendar: Calendar,
        *,
        identity: str,
        folder: Path | None = None,
        limit_bytes: int = 2 << 30,
        level: int = 1,
    ) -> None:
        self._market = market
        self._calendar = calendar
        self._identity = identity
        self._temporary = folder is None
        self._folder = Path(tempfile.mkdtemp(prefix="fakebinance-")) if folder is None else folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._limit_bytes = limit_bytes
        self._level = level
        self._lock = threading.Lock()
        self._making: dict[str, threading.Lock] = {}
        self._kept: OrderedDict[str, StoredObject] = OrderedDict()
        self.kept_bytes = 0

    def close(self) -> None:
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)

    def get(self, file: ArchiveFile, faults: Sequence[Fault] = ()) -> StoredObject | None:
        """The file as its faults have it, made if need be; None if the market has no row for it.

        KeyError for an unknown symbol.
        """
        identity = self._identity_of(file, faults)
        with self._lock:
            # Another process with the same folder may have removed the file.
            if (stored := self._kept.get(identity)) is not None and stored.path.exists():
                self._kept.move_to_end(identity)
                return stored
            making = self._making.setdefault(identity, threading.Lock())
        with making:
            with self._lock:
                if (stored := self._kept.get(identity)) is not None and stored.path.exists():
                    return stored
            stored = self._load_or_make(identity, file, faults)
            with self._lock:
                self._making.pop(identity, None)
                if stored is not None:
                    self._keep(identity, stored)
            return stored

    def prewarm(self, symbols: Iterable[str], months: Iterable[Month], tier: Tier = "monthly") -> int:
        """Make the files of whole months ahead of time, on all cores; returns how many there are."""
        chosen = list(symbols)
        files: list[ArchiveFile] = []
        for month in months:
            periods: Sequence[Month | dt.date] = [month] if tier == "monthly" else month.days()
            files += [ArchiveFile(tier, symbol, period) for period in periods for symbol in chosen]
        # Threads suffice: compression, digests and polars work outside the interpreter's lock.
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            return sum(stored is not None for stored in pool.map(self.get, files))

    def _identity_of(self, file: ArchiveFile, faults: Sequence[Fault]) -> str:
        changes = [[fault.name, dict(fault.params)] for fault in faults]
        parts = [_FORMAT, self._identity, self._level, file.key, changes]
        # A symbol may settle while the double runs, and its last file with it.
        if (ends := self._market.life(file.symbol).end) < file.window.end:
            parts.append(ends)
        text = json.dumps(parts, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()

    def _load_or_make(self, identity: str, file: ArchiveFile, faults: Sequence[Fault]) -> StoredObject | None:
        path = self._folder / f"{identity}.zip"
        modified = self._calendar.appears(file)
        if any(fault.name == "reissued" for fault in faults):
            modified -= HOUR_MS
        if path.exists():
            content = path.read_bytes()
        else:
            bars = self._market.minutes(file.symbol, file.window.start, file.window.end)
            text = tampering.csv(bars, faults)
            if not len(tampering.without_days(bars, days_named(_absent(faults)))):
                return None
            content = zipped(f"{file.stem}.csv", text, modified, self._level)
            # Renamed into place, so that a killed process leaves no half a file behind.
            unfinished = path.with_suffix(f".{threading.get_ident()}.part")
            unfinished.write_bytes(content)
            unfinished.rename(path)
        return described(path, content, modified)

    def _keep(self, identity: str, stored: StoredObject) -> None:
        before = self._kept.pop(identity, None)
        self._kept[identity] = stored
        self.kept_bytes += stored.size - (before.size if before else 0)
        while self.kept_bytes > self._limit_bytes and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self.kept_bytes -= oldest.size
            oldest.path.unlink(missing_ok=True)


def _absent(faults: Sequence[Fault]) -> list[Fault]:
    return [fault for fault in faults if fault.name == "day_absent"]


def described(path: Path, content: bytes, modified_ms: int) -> StoredObject:
    """An object on disk with its digests."""
    etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return StoredObject(path, len(content), hashlib.sha256(content).hexdigest(), f'"{etag}"', modified_ms)


def zipped(name: str, content: bytes, modified_ms: int, level: int) -> bytes:
    """A ZIP with one deflated file, made on Unix at that instant: equal arguments give equal bytes."""
    moment = dt.datetime.fromtimestamp(modified_ms // 1_000, dt.UTC)
    info = zipfile.ZipInfo(name, date_time=moment.timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3
    info.external_attr = 0o100644 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, content, compresslevel=level)
    return buffer.getvalue()
