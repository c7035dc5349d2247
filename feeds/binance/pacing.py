"""How fast an address may ask the exchange's REST interface.

The exchange counts per IP address, so the pace is kept per way out and shared by everybody who uses it. Three rules
hold a request back:

- requests are spread evenly, 480 a minute at most with small bursts;
- the weight that the exchange itself has counted (x-mbx-used-weight-1m) stays below 80 % of its limit of 2,400, so
  that others behind the same address keep some. Its window is the clock minute of its own time, not a sliding one;
- after a 429 or 418 nobody on that address asks before the time that the exchange named.

`LocalPacer` keeps this for one process. `redis_pacing.RedisPacer` keeps it for every process with the same Redis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from market.domain.clock import wall_clock_ms
from market.domain.window import MINUTE_MS, SECOND_MS


@dataclass(frozen=True, slots=True)
class PaceLimits:
    """`requests` and `weight` are per minute; `burst` is how many requests may follow each other at once."""

    requests: int = 480
    weight: int = 1_920
    burst: int = 8

    def __post_init__(self) -> None:
        if not 0 < self.burst < self.requests or self.weight <= 0:
            raise ValueError(f"{self} leaves no room for a request")

    @property
    def spacing_ms(self) -> float:
        """Time between requests once a burst is spent.

        A burst and a minute of spaced requests together are `requests`, so no minute, wherever it starts, holds more.
        """
        return MINUTE_MS / (self.requests - self.burst)

    @property
    def burst_ms(self) -> float:
        """How far the schedule may run ahead of the clock before a request has to wait: half-way between the last
        request of a burst and the one too many, where no rounding decides."""
        return self.spacing_ms * (self.burst - 0.5)


LIMITS: Final = PaceLimits()


class Pacer(Protocol):
    """Keeps the pace of each way out. `egress` is `Egress.key`; all times are ms UTC by the exchange's clock."""

    async def reserve(self, egress: str, weight: int) -> float:
        """0 if the request may be sent now (it is then accounted for), else the seconds after which to ask again."""

    async def report(self, egress: str, *, used_weight: int | None, server_ms: int | None) -> None:
        """What an answer said about the weight used in the running minute and about the exchange's time."""

    async def stop(self, egress: str, until_ms: int) -> None:
        """Nobody sends before `until_ms`. A shorter stop never cuts a longer one short."""


@dataclass(slots=True)
class _State:
    ahead_ms: float = 0.0  # the schedule: when the next evenly spaced request would be due (own clock)
    minute: int = 0  # the exchange's clock minute that `used` belongs to
    used: int = 0
    stopped_until_ms: int = 0
    offset_ms: int = 0  # the exchange's clock less our own


class LocalPacer:
    """The pace of this process alone."""

    def __init__(self, limits: PaceLimits = LIMITS, *, now_ms: Callable[[], int] = wall_clock_ms) -> None:
        self._limits = limits
        self._now_ms = now_ms
        self._states: dict[str, _State] = {}

    async def reserve(self, egress: str, weight: int) -> float:
        state = self._state(egress)
        now = self._now_ms()
        exchange_now = now + state.offset_ms
        if stopped_s := self.stopped_s(egress):
            return stopped_s
        minute = exchange_now // MINUTE_MS
        if minute != state.minute:
            state.minute, state.used = minute, 0
        if state.used + weight > self._limits.weight:
            return ((minute + 1) * MINUTE_MS - exchange_now) / SECOND_MS
        # Further ahead than one grant allows, the schedule was written before the clock was put back.
        due = max(min(state.ahead_ms, now + self._limits.burst_ms + self._limits.spacing_ms), float(now))
        if due - now > self._limits.burst_ms:
            return (due - now - self._limits.burst_ms) / SECOND_MS
        state.ahead_ms = due + self._limits.spacing_ms
        state.used += weight
        return 0.0

    async def report(self, egress: str, *, used_weight: int | None, server_ms: int | None) -> None:
        state = self._state(egress)
        now = self._now_ms()
        if server_ms is not None:
            state.offset_ms = server_ms - now
        minute = (now + state.offset_ms) // MINUTE_MS
        if used_weight is None or minute < state.minute:
            return  # an answer of a minute that is over says nothing about this one
        if minute > state.minute:
            state.minute, state.used = minute, used_weight
        else:
            # Answers may overtake each other, and requests still under way are only in our own count.
            state.used = max(state.used, used_weight)

    async def stop(self, egress: str, until_ms: int) -> None:
        state = self._state(egress)
        state.stopped_until_ms = max(state.stopped_until_ms, until_ms)

    def stopped_s(self, egress: str) -> float:
        """For how many more seconds nobody may send; 0 without a stop."""
        state = self._state(egress)
        return max(0.0, (state.stopped_until_ms - state.offset_ms - self._now_ms()) / SECOND_MS)

    def _state(self, egress: str) -> _State:
        return self._states.setdefault(egress, _State())
