"""The pace shared by every process that uses the same Redis, on one machine or several.

One hash per way out holds the same state as `pacing.LocalPacer`, and two scripts change it in one step each, so
that two processes can never be granted the same place. The clock is Redis's own: machines may disagree about the time.
Keys expire by themselves.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, cast

from redis import Redis as SyncRedis
from redis.asyncio import Redis
from redis.exceptions import RedisError

from feeds.binance.pacing import LIMITS, LocalPacer, PaceLimits
from market.domain.clock import wall_clock_ms
from market.domain.window import MINUTE_MS, SECOND_MS

logger = logging.getLogger(__name__)

KEY_PREFIX: Final = "binance:pace:"
# While Redis is away every process keeps its own pace, an eighth of the shared one: eight processes may then run
# beside each other and still stay within the limits.
LIMITS_WITHOUT_REDIS: Final = PaceLimits(requests=LIMITS.requests // 8, weight=LIMITS.weight // 8, burst=2)
ANSWER_TIMEOUT_S: Final = 1.0
# How long to leave a Redis alone that did not answer, so that its absence does not slow every request down.
LEFT_ALONE_S: Final = 5.0

# Every script starts by reading the state. ARGV[1] is the time in ms, empty for Redis's own.
_READ: Final = """
local now = tonumber(ARGV[1])
if not now then
  local clock = redis.call('TIME')
  now = clock[1] * 1000 + math.floor(clock[2] / 1000)
end
local state = redis.call('HMGET', KEYS[1], 'ahead', 'minute', 'used', 'stopped', 'offset')
local ahead = tonumber(state[1]) or 0
local minute = tonumber(state[2]) or 0
local used = tonumber(state[3]) or 0
local stopped = tonumber(state[4]) or 0
local offset = tonumber(state[5]) or 0
"""

# Numbers are written with a format of their own: Lua's default keeps 14 digits, a millisecond needs 13 and a fraction.
_WRITE: Final = """
redis.call('HSET', KEYS[1], 'ahead', string.format('%.3f', ahead), 'minute', string.format('%d', minute),
  'used', string.format('%d', used), 'stopped', string.format('%d', stopped), 'offset', string.format('%d', offset))
redis.call('PEXPIRE', KEYS[1], string.format('%d', math.max(180000, stopped - (now + offset) + 60000)))
"""

# ARGV: now, weight, weight limit, spacing_ms, burst_ms, how much longer (ms) a stop lasts that the caller knows of.
# Returns the wait in ms, 0 for granted. The caller's stop is everybody's: Redis may have been away when it came, or
# emptied since.
_RESERVE: Final = (
    _READ
    + """
local exchange_now = now + offset
local known = tonumber(ARGV[6])
if known > 0 and exchange_now + known > stopped then
  stopped = exchange_now + known
"""
    + _WRITE
    + """
end
if stopped > exchange_now then return math.ceil(stopped - exchange_now) end
local this_minute = math.floor(exchange_now / 60000)
if this_minute ~= minute then minute = this_minute; used = 0 end
if used + tonumber(ARGV[2]) > tonumber(ARGV[3]) then return math.ceil((minute + 1) * 60000 - exchange_now) end
local due = math.max(math.min(ahead, now + ARGV[5] + ARGV[4]), now)
local wait = due - now - tonumber(ARGV[5])
if wait > 0 then return math.ceil(wait) end
ahead = due + tonumber(ARGV[4])
used = used + tonumber(ARGV[2])
"""
    + _WRITE
    + "return 0"
)

# ARGV: now, used weight or empty, server time or empty, stop until or empty.
_REPORT: Final = (
    _READ
    + """
local said = tonumber(ARGV[2])
local server = tonumber(ARGV[3])
if server then offset = server - now end
local this_minute = math.floor((now + offset) / 60000)
if said and this_minute > minute then
  minute = this_minute
  used = said
elseif said and this_minute == minute then
  used = math.max(used, said)
end
stopped = math.max(stopped, tonumber(ARGV[4]) or 0)
"""
    + _WRITE
    + "return 0"
)


class RedisPacer:
    """A Pacer whose state lies in Redis; without Redis it goes on alone, more slowly, and says so once."""

    def __init__(
        self,
        redis: Redis,
        limits: PaceLimits = LIMITS,
        *,
        prefix: str = KEY_PREFIX,
        now_ms: Callable[[], int] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now_ms` replaces Redis's clock (tests)."""
        self._limits = limits
        self._prefix = prefix
        self._now_ms = now_ms
        self._monotonic = monotonic
        self._reserve = redis.register_script(_RESERVE)
        self._report = redis.register_script(_REPORT)
        self._alone = LocalPacer(LIMITS_WITHOUT_REDIS, now_ms=now_ms or wall_clock_ms)
        self._away_since: float | None = None
        self._ask_again_at = 0.0

    async def reserve(self, egress: str, weight: int) -> float:
        limits, stopped_s = self._limits, self._alone.stopped_s(egress)
        numbers = weight, limits.weight, limits.spacing_ms, limits.burst_ms, round(stopped_s * SECOND_MS)
        wait_ms = await self._run(self._reserve, egress, *map(str, numbers))
        if wait_ms is None:
            return await self._alone.reserve(egress, weight)
        return wait_ms / SECOND_MS

    async def report(self, egress: str, *, used_weight: int | None, server_ms: int | None) -> None:
        # Told to both: the lonely pacer must know the truth in the moment in which it is needed.
        await self._alone.report(egress, used_weight=used_weight, server_ms=server_ms)
        await self._run(self._report, egress, _text(used_weight), _text(server_ms), "")

    async def stop(self, egress: str, until_ms: int) -> None:
        await self._alone.stop(egress, until_ms)
        await self._run(self._report, egress, "", "", str(until_ms))

    async def _run(self, script: Callable[..., Any], egress: str, *arguments: str) -> int | None:
        """The script's answer, or None while Redis is away."""
        if self._away_since is not None and self._monotonic() < self._ask_again_at:
            return None
        now = "" if self._now_ms is None else str(self._now_ms())
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                answer = await cast("Awaitable[int]", script(keys=[self._prefix + egress], args=[now, *arguments]))
        except (RedisError, OSError, TimeoutError) as error:
            self._ask_again_at = self._monotonic() + LEFT_ALONE_S
            if self._away_since is None:
                self._away_since = self._monotonic()
                logger.warning("Redis is away (%s): requests are paced by this process alone", type(error).__name__)
            return None
        if self._away_since is not None:
            logger.warning("Redis is back after %.0f s", self._monotonic() - self._away_since)
            self._away_since = None
        return answer


@dataclass(frozen=True, slots=True)
class Pace:
    """Of one way out: the weight used in the exchange's running minute, and the seconds until it may be asked again."""

    egress: str
    used: int
    stopped_s: float


def paces_read(redis: SyncRedis, now_ms: int) -> list[Pace]:
    """Every way out that was used lately. Raises redis.RedisError."""
    names = sorted(key.decode() for key in redis.scan_iter(match=f"{KEY_PREFIX}*", count=1_000))
    paces = []
    for name in names:
        values: Any = redis.hmget(name, ["minute", "used", "stopped", "offset"])
        minute, used, stopped, offset = (int(value or 0) for value in values)
        exchange_now = now_ms + offset
        paces.append(
            Pace(
                egress=name.removeprefix(KEY_PREFIX),
                used=used if minute == exchange_now // MINUTE_MS else 0,
                stopped_s=max(0.0, (stopped - exchange_now) / SECOND_MS),
            )
        )
    return paces


def _text(number: int | None) -> str:
    return "" if number is None else str(number)
