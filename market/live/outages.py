"""Redis being away, in one line: the channel layer logs a stack trace at each attempt to receive, once a second."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from redis import RedisError

_LAYER: Final = "channels_redis.pubsub"
# While Redis stays away it is said again after so long (seconds).
_AGAIN_S: Final = 30.0


class OneLine(logging.Filter):
    """Turns the layer's stack traces about Redis into a line now and then; what else fails keeps its trace."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._silent_until = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, (RedisError, OSError)):
            return True
        if self._clock() < self._silent_until:
            return False
        self._silent_until = self._clock() + _AGAIN_S
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg, record.args = "live updates stop, Redis does not answer: %s", (error,)
        record.exc_info = None
        return True


_ONE_LINE: Final = OneLine()


def say_in_one_line() -> None:
    """From now on, in this process."""
    logging.getLogger(_LAYER).addFilter(_ONE_LINE)
