"""What this web process needs to do its work, each thing asked about by itself and within a time limit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from django.db import Error as DatabaseError
from redis import RedisError

from market.domain.clock import wall_clock_ms
from market.monitoring.question import Question
from market.selectors.health import database_ask, migrations_missing, redis_ask
from market.selectors.live import LiveStatus, live_status

# A probe is answered within 2 s whatever hangs.
LIMIT_S: Final = 1.5
# Whoever probes more often gets the same answer again.
_MAX_AGE_S: Final = 1.0
_NAMED: Final = 3


class Unready(Exception):
    """Something is missing; the text says what."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`reason` is for people, of what is well too. It names no address: anybody may read it."""

    name: str
    is_ok: bool
    reason: str
    milliseconds: int


def database() -> str:
    database_ask()
    return "answers"


def redis() -> str:
    redis_ask()
    return "answers"


def migrations() -> str:
    missing = migrations_missing()
    if missing:
        raise Unready(f"{len(missing)} are not applied ({_some(missing)}): run `manage.py migrate`")
    return "all applied"


def collector() -> str:
    return judge(live_status(now=wall_clock_ms()))


def judge(live: LiveStatus) -> str:
    """What the live side is like. Raises Unready where it should bring candles and brings none."""
    trading = [symbol for symbol in live.symbols if symbol.is_expected]
    if not live.is_wanted:
        return "stands still, as wished"
    if not trading:
        return "no symbol is tracked that trades"
    if not live.is_running:
        raise Unready(f"no collector is running, {len(trading)} symbols are tracked: start `manage.py run_collector`")
    if not live.is_reported:
        raise Unready("the collectors' reports can't be read")
    stale = [symbol.symbol for symbol in trading if symbol.is_stale]
    # What was subscribed a moment ago and has brought nothing yet is no sign that the stream is well.
    waiting = [symbol.symbol for symbol in trading if not symbol.is_stale and not symbol.is_heard]
    fresh = len(trading) - len(stale) - len(waiting)
    if stale and not fresh:
        raise Unready(f"no fresh data of any of {len(trading)} symbols ({_some(stale)})")
    if len(waiting) == len(trading):
        return f"{len(trading)} symbols wait for their first data"
    but = [f"but not {_some(stale)}"] * bool(stale) + [f"{_some(waiting)} without any yet"] * bool(waiting)
    if but:
        return f"{fresh} of {len(trading)} symbols are fresh, {', '.join(but)}"
    oldest = max(symbol.age_s or 0.0 for symbol in trading)
    return f"{len(trading)} symbols are fresh, the oldest data is {oldest:.1f} s old"


CHECKS: Final[Mapping[str, Callable[[], str]]] = {
    "database": database,
    "redis": redis,
    "migrations": migrations,
    "collector": collector,
}


class Readiness:
    """All checks of a process."""

    def __init__(self, checks: Mapping[str, Callable[[], str]] = CHECKS) -> None:
        self._questions = {name: Question(name, check, max_age_s=_MAX_AGE_S) for name, check in checks.items()}

    @property
    def names(self) -> Collection[str]:
        return self._questions.keys()

    async def findings(self, *, exclude: Collection[str] = ()) -> list[Finding]:
        """One for each check, at the same time, in their order."""
        asked = [question for name, question in self._questions.items() if name not in exclude]
        return await asyncio.gather(*(_find(question) for question in asked))


async def _find(question: Question[str]) -> Finding:
    begun = time.monotonic()
    try:
        is_ok, reason = True, await question.answer(LIMIT_S)
    except TimeoutError as error:
        is_ok, reason = False, str(error)
    except Unready as error:
        is_ok, reason = False, str(error)
    except DatabaseError as error:
        # What the driver says names hosts and accounts; the log has it.
        is_ok, reason = False, f"the database refuses or breaks the connection, or hangs ({type(error).__name__})"
    except RedisError as error:
        is_ok, reason = False, f"Redis refuses or breaks the connection ({type(error).__name__})"
    except Exception as error:  # noqa: BLE001  (whatever it is, it is not well, and a probe gets its answer)
        is_ok, reason = False, f"can't be told ({type(error).__name__})"
    return Finding(question.name, is_ok, reason, round((time.monotonic() - begun) * 1000))


def _some(names: Collection[str]) -> str:
    first = sorted(names)[:_NAMED]
    more = len(names) - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "")
