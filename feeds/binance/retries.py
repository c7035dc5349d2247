"""How often and how patiently a request is repeated."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from feeds.binance.errors import ExchangeError, Limited, Move, decide

logger = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]
ATTEMPTS: Final = 5
# A wait longer than this is given back to the caller: a worker has better things to do than to sit out a ban.
PATIENCE_S: Final = 90.0


_backoff = wait_random_exponential(multiplier=0.5, max=20)


def retrying(*, sleep: Sleep = asyncio.sleep, attempts: int = ATTEMPTS) -> AsyncRetrying:
    """Repeats what `decide` calls RETRY, up to `attempts` times in all, then raises the last error as it is.

    For one call only: the object counts its attempts.

    Waits a random time below a doubling bound (0.5, 1, 2 ... at most 20 s), so that many workers do not come back
    together, and never less than the exchange asks for. One that asks for more than PATIENCE_S is raised at once.
    """

    def worthwhile(error: BaseException) -> bool:
        if not isinstance(error, ExchangeError) or decide(error) is not Move.RETRY:
            return False
        return not isinstance(error, Limited) or error.wait_s <= PATIENCE_S

    def wait_s(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        return max(_backoff(state), error.wait_s if isinstance(error, Limited) else 0.0)

    def report(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        logger.info("attempt %d failed: %s; again in %.1f s", state.attempt_number, error, state.upcoming_sleep)

    return AsyncRetrying(
        retry=retry_if_exception(worthwhile),
        stop=stop_after_attempt(attempts),
        wait=wait_s,
        before_sleep=report,
        sleep=sleep,
        reraise=True,
    )
