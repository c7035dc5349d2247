"""REST request weight as the exchange counts it: by the clock's minute, for each address."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

from feeds.fakebinance.answers import banned, too_many_requests
from feeds.fakebinance.clock import Clock
from feeds.fakebinance.replies import Reply

MINUTE_MS: Final = 60_000


@dataclass(slots=True)
class _Account:
    """What one address has used in the minute that opened at `minute`."""

    minute: int = -1
    weight: int = 0
    refused: int = 0
    banned_until: int = 0
    bans: int = 0


class WeightLimiter:
    """2,400 units a minute; beyond them 429, and 418 for who goes on.

    The window is the UTC minute of the exchange's clock: it empties at second 0, it does not slide. Requests over
    the limit are refused but still counted. After `patience` refusals within one minute the address is banned for
    `ban_ms`, twice as long each further time. How patient the exchange is, it does not say; 20 is an assumption.
    """

    def __init__(self, clock: Clock, *, limit: int = 2_400, patience: int = 20, ban_ms: int = 120_000) -> None:
        self._clock = clock
        self.limit = limit
        self._patience = patience
        self._ban_ms = ban_ms
        self._lock = threading.Lock()
        self._accounts: dict[str, _Account] = {}

    def charge(self, address: str, weight: int) -> tuple[int, Reply | None]:
        """Count a request. Returns the weight used in this minute and, if it is refused, the answer."""
        with self._lock:
            now = self._clock.now()
            account = self._accounts.setdefault(address, _Account())
            minute = now // MINUTE_MS
            if account.minute != minute:
                account.minute, account.weight, account.refused = minute, 0, 0
            if now < account.banned_until:
                return account.weight, self._ban_reply(address, account, now)
            account.weight += weight
            if account.weight <= self.limit:
                return account.weight, None
            account.refused += 1
            if account.refused > self._patience:
                account.banned_until = now + self._ban_ms * 2**account.bans
                account.bans += 1
                account.refused = 0
                return account.weight, self._ban_reply(address, account, now)
            wait = self._seconds((minute + 1) * MINUTE_MS - now)
            return account.weight, too_many_requests(self.limit, wait)

    def forgive(self) -> None:
        """Forget what every address has used, bans included."""
        with self._lock:
            self._accounts.clear()

    def _ban_reply(self, address: str, account: _Account, now: int) -> Reply:
        return banned(address, account.banned_until, self._seconds(account.banned_until - now))

    def _seconds(self, ms: int) -> int:
        """Whole seconds of real time, rounded up, that a span of the exchange's clock takes."""
        return max(1, -int(-self._clock.real_seconds(ms) // 1))


def klines_weight(limit: int | None) -> int:
    """Weight of a klines request by its limit, as measured (the documentation's edges are one lower)."""
    if limit is None:
        return 5
    for most, weight in ((100, 1), (500, 2), (1_000, 5)):
        if limit <= most:
            return weight
    return 10
