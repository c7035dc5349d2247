"""The figures of the exchange's side that every process shares: the pace of REST requests, and the tasks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from redis import Redis

from feeds.binance.pacing import LIMITS
from feeds.binance.redis_pacing import paces_read
from feeds.task_counts import counts_read
from market.domain.clock import wall_clock_ms
from market.monitoring.sources import Source
from market.selectors.health import redis_once

# Celery's own name for the queue of tasks that name none.
_QUEUE: Final = "celery"


def rest() -> Iterator[Metric]:
    """One series a way out: a proxy's port, or "direct"."""
    used = GaugeMetricFamily(
        "kline_rest_weight_used", "Weight that the exchange has counted in this minute.", labels=["egress"]
    )
    stopped = GaugeMetricFamily(
        "kline_rest_stopped_seconds", "How long the exchange still wants no request (429 or 418).", labels=["egress"]
    )
    with redis_once() as redis:
        for pace in paces_read(redis, wall_clock_ms()):
            used.add_metric([pace.egress], pace.used)
            stopped.add_metric([pace.egress], pace.stopped_s)
    yield GaugeMetricFamily("kline_rest_weight_limit", "Weight a minute at which requests wait.", LIMITS.weight)
    yield from (used, stopped)


def tasks() -> Iterator[Metric]:
    done = CounterMetricFamily("kline_tasks", "Tasks that ended, by name and state.", labels=["task", "state"])
    with redis_once() as redis:
        waiting = _waiting(redis)
        for (task, state), count in sorted(counts_read(redis).items()):
            done.add_metric([task, state], count)
    yield GaugeMetricFamily("kline_tasks_waiting", "Tasks that no worker has taken yet.", waiting)
    yield done


def _waiting(redis: Redis) -> int:
    length: Any = redis.llen(_QUEUE)
    return int(length)


REST: Final = Source("rest", rest, max_age_s=2.0)
TASKS: Final = Source("tasks", tasks, max_age_s=5.0)
