"""What a request asks for, in the words that faults match and the request log counts."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from feeds.fakebinance.publication import ArchiveFile
from market.domain.window import Month

CHECKSUM_SUFFIX: Final = ".CHECKSUM"
LISTING_PATH: Final = "/data.binance.vision"

_STREAM_PATH: Final = re.compile(r"(/(market|public|private))?/(stream|ws)(/.*)?")

_REST_KINDS: Final = {
    "/fapi/v1/klines": "rest.klines",
    "/fapi/v1/exchangeInfo": "rest.exchangeInfo",
    "/fapi/v1/time": "rest.time",
    "/fapi/v1/ping": "rest.ping",
}


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, sorted.

    `kind` is archive.zip, archive.checksum, archive.listing, rest.klines, rest.exchangeInfo, rest.time,
    rest.ping, rest.other, ws.handshake, ws.connection, ws.stream, ws.final, control or other. The rest is None
    where the request has no such thing; `day` is set for daily files only, `month` for monthly and daily ones.

    The ws kinds but the handshake are not requests but occasions for faults: a connection as a whole, one stream of
    it, the closed frame of a minute (its open time in `minute`). `connection` is the number in the connection log.
    What has an `occasion` is decided once by each rule, however often it is asked.
    """

    kind: str
    path: str
    symbol: str | None = None
    interval: str | None = None
    tier: str | None = None
    month: str | None = None
    day: str | None = None
    stream: str | None = None
    connection: str | None = None
    minute: str | None = None
    occasion: str | None = None

    @property
    def budget(self) -> str:
        """What a fault's `times` are counted by."""
        return self.path if self.stream is None else self.stream

    @classmethod
    def of(cls, path: str, query: Mapping[str, str]) -> Visit:
        """Sort a decoded path and its query."""
        if path.startswith("/fapi/"):
            symbol = query.get("symbol")
            kind = _REST_KINDS.get(path, "rest.other")
            return cls(kind, path, symbol.upper() if symbol else None, query.get("interval"))
        if path.startswith("/data/"):
            return cls._of_object(path)
        if _STREAM_PATH.fullmatch(path):
            return cls("ws.handshake", path)
        if path.rstrip("/") == LISTING_PATH:
            return cls("archive.listing", path)
        return cls("control" if path.startswith("/control/") else "other", path)

    @classmethod
    def _of_object(cls, path: str) -> Visit:
        checksum = path.endswith(CHECKSUM_SUFFIX)
        kind = "archive.checksum" if checksum else "archive.zip"
        file = ArchiveFile.parse(path.removeprefix("/").removesuffix(CHECKSUM_SUFFIX))
        if file is None:
            return cls(kind, path)
        is_day = isinstance(file.period, dt.date)
        month = str(Month.of(file.period)) if isinstance(file.period, dt.date) else str(file.period)
        return cls(kind, path, file.symbol, "1m", file.tier, month, str(file.period) if is_day else None)
