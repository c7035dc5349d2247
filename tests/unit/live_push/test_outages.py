"""What the log says while Redis is away."""

from __future__ import annotations

import logging
import sys

from redis.exceptions import ConnectionError as RedisAway

from market.live.outages import OneLine


def logged(error: Exception) -> logging.LogRecord:
    """As the channel layer logs what stops it from receiving."""
    try:
        raise error
    except type(error):
        return logging.LogRecord("layer", logging.ERROR, __file__, 1, "Unexpected exception", None, sys.exc_info())


def test_redis_being_away_is_said_in_one_line_now_and_then() -> None:
    now = 0.0
    outages = OneLine(clock=lambda: now)
    first = logged(RedisAway("connection refused"))
    assert outages.filter(first)
    assert logging.Formatter().format(first) == "live updates stop, Redis does not answer: connection refused"
    assert not outages.filter(logged(RedisAway("connection refused")))
    now = 31.0
    assert outages.filter(logged(ConnectionRefusedError("connection refused")))


def test_any_other_failure_keeps_its_stack_trace() -> None:
    record = logged(KeyError("a mistake"))
    assert OneLine().filter(record)
    assert "Traceback" in logging.Formatter().format(record)
