"""The figures of this web process: its requests, its sockets, itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from market.live.figures import FIGURES
from market.monitoring.requests import REQUESTS, SECONDS, SHORT


class InFlight:
    """HTTP requests that are being answered or wait for a thread; changed by the event loop's thread alone."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """While the block runs."""
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1


IN_FLIGHT: Final = InFlight()


def collect() -> Iterator[Metric]:
    """Cheap enough for every scrape: nothing is asked, nothing waits."""
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR, REQUESTS, SECONDS, SHORT):
        yield from collector.collect()
    yield GaugeMetricFamily(
        "kline_http_requests_in_progress", "HTTP requests in a thread or waiting for one.", IN_FLIGHT.count
    )
    yield from _sockets()


def _sockets() -> Iterator[Metric]:
    figures = FIGURES
    yield GaugeMetricFamily("kline_sockets", "Open push sockets.", figures.open)
    yield CounterMetricFamily("kline_sockets_opened", "Push sockets opened.", figures.opened)
    closed = CounterMetricFamily(
        "kline_sockets_closed",
        "Push sockets closed: by the client, because it was behind, by an error.",
        labels=["why"],
    )
    for why in ("client", "behind", "error"):
        closed.add_metric([why], figures.closed[why])
    yield closed
    refused = CounterMetricFamily("kline_sockets_refused", "Handshakes refused, by status.", labels=["status"])
    for status, count in sorted(figures.refused.items()):
        refused.add_metric([status], count)
    yield refused
    yield CounterMetricFamily("kline_push_messages", "Messages of the collectors that the hub took.", figures.messages)
    yield CounterMetricFamily("kline_push_candles", "Candles in these messages.", figures.candles)
    yield CounterMetricFamily("kline_push_frames_sent", "Frames sent to push sockets.", figures.sent)
    yield CounterMetricFamily(
        "kline_push_frames_conflated",
        "Forming bars that a newer one replaced before they were sent.",
        figures.conflated,
    )
    yield GaugeMetricFamily("kline_push_frames_waiting", "Frames that wait in all outboxes.", figures.waiting)
    yield GaugeMetricFamily(
        "kline_push_frames_waiting_most", "Frames that wait in the fullest outbox.", figures.deepest
    )
    yield HistogramMetricFamily(
        "kline_push_delay_seconds",
        "From a collector's sending of a message to the hub's taking it, by their machines' clocks.",
        buckets=figures.delays.cumulative(),
        sum_value=figures.delays.total,
    )
