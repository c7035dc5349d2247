"""What the market knows of its own for the metrics: collectors and symbols, and the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from market.domain.clock import wall_clock_ms
from market.domain.delays import Delays
from market.domain.source import DayState
from market.heartbeat import WorkReport
from market.monitoring.sources import Source
from market.selectors.ledger import history_progress, ledger_totals
from market.selectors.live import LiveStatus, live_status


def live() -> Iterator[Metric]:
    status = live_status(now=wall_clock_ms())
    yield GaugeMetricFamily("kline_collectors_wanted", "Whether collectors shall run.", float(status.is_wanted))
    yield GaugeMetricFamily("kline_collectors", "Collectors that are alive.", len(status.collectors))
    yield from _collectors(status)
    yield from _symbols(status)


_GAUGES: Final = (
    ("connections", "Connections to the stream."),
    ("symbols", "Symbols that the collector streams."),
    ("connected", "Whether candles of the stream come."),
)
_WORK_GAUGES: Final[tuple[tuple[str, str, Callable[[WorkReport], int]], ...]] = (
    ("messages_unread", "Messages of the stream that were not looked at yet.", lambda work: work.arrived),
    ("candles_outgoing", "Candles that wait to be sent to the hubs.", lambda work: work.outgoing),
)
_WORK_COUNTERS: Final[tuple[tuple[str, str, Callable[[WorkReport], int]], ...]] = (
    ("batches_stored", "Batches of closed minutes stored.", lambda work: work.batches),
    ("minutes_stored", "Closed minutes stored.", lambda work: work.minutes),
    ("batches_refused", "Times that the database did not take a batch.", lambda work: work.refusals),
    ("connects", "Attempts to connect to the stream, planned ones included.", lambda work: work.connects),
)


def _collectors(status: LiveStatus) -> Iterator[Metric]:
    """One series a collector, named by its machine and process."""
    label = ["collector"]
    # One that was killed and its successor of the same name are both alive for a moment: the newer one counts.
    collectors = {str(one): one for one in status.collectors}
    reports = {name: status.reports[one.id] for name, one in collectors.items() if one.id in status.reports}
    gauges = {name: GaugeMetricFamily(f"kline_collector_{name}", text, labels=label) for name, text in _GAUGES}
    for collector, one in collectors.items():
        for name, value in (
            ("connections", one.connections),
            ("symbols", one.symbols),
            ("connected", one.is_connected),
        ):
            gauges[name].add_metric([collector], float(value))
    yield from gauges.values()
    pending = GaugeMetricFamily(
        "kline_collector_minutes_pending", "Closed minutes that wait for the database.", labels=label
    )
    age = GaugeMetricFamily("kline_collector_report_age_seconds", "Age of the collector's last report.", labels=label)
    refused = CounterMetricFamily(
        "kline_collector_messages_refused", "Messages of the stream that could not be used.", labels=label
    )
    for name, report in reports.items():
        pending.add_metric([name], report.pending)
        age.add_metric([name], max(0.0, (wall_clock_ms() - report.at) / 1000))
        refused.add_metric([name], report.refused)
    yield from (pending, age, refused)
    work = {name: report.work for name, report in reports.items()}
    for name, text, of in _WORK_GAUGES:
        gauge = GaugeMetricFamily(f"kline_collector_{name}", text, labels=label)
        for collector, one_work in work.items():
            gauge.add_metric([collector], of(one_work))
        yield gauge
    for name, text, of in _WORK_COUNTERS:
        counter = CounterMetricFamily(f"kline_collector_{name}", text, labels=label)
        for collector, one_work in work.items():
            counter.add_metric([collector], of(one_work))
        yield counter
    yield from _delays(work)


def _delays(work: dict[str, WorkReport]) -> Iterator[Metric]:
    stream = HistogramMetricFamily(
        "kline_collector_stream_delay_seconds",
        "Age of the newest frame of each reading, by its own time stamp and the exchange's clock.",
        labels=["collector"],
    )
    send = HistogramMetricFamily(
        "kline_collector_send_delay_seconds",
        "From the arrival of a frame to its having been sent to the hubs; of each message the oldest.",
        labels=["collector"],
    )
    for name, one in work.items():
        for family, counts, total in ((stream, one.stream, one.stream_s), (send, one.send, one.send_s)):
            delays = Delays(counts, total)
            family.add_metric([name], buckets=delays.cumulative(), sum_value=delays.total)
    yield from (stream, send)


def _symbols(status: LiveStatus) -> Iterator[Metric]:
    """Of tracked symbols that trade: of the others nothing is expected."""
    label = ["symbol"]
    age = GaugeMetricFamily("kline_symbol_data_age_seconds", "Age of the stream's newest data.", labels=label)
    stale = GaugeMetricFamily("kline_symbol_stale", "Whether the symbol trades and brings nothing.", labels=label)
    closed = GaugeMetricFamily(
        "kline_symbol_last_closed_timestamp_seconds", "Open time of the newest closed minute.", labels=label
    )
    repairs = CounterMetricFamily("kline_symbol_rest_repairs", "Minutes that REST had to bring.", labels=label)
    for symbol in status.symbols if status.is_wanted and status.is_reported else ():
        if symbol.is_expected:
            stale.add_metric([symbol.symbol], float(symbol.is_stale))
            repairs.add_metric([symbol.symbol], symbol.rest_repairs)
            if symbol.age_s is not None:
                age.add_metric([symbol.symbol], symbol.age_s)
            if symbol.last_closed is not None:
                closed.add_metric([symbol.symbol], symbol.last_closed / 1000)
    yield from (age, stale, closed, repairs)


def ledger() -> Iterator[Metric]:
    totals = ledger_totals()
    days = GaugeMetricFamily("kline_ledger_days", "Days of all symbols in the ledger, by state.", labels=["state"])
    for state in DayState:
        days.add_metric([state.value], totals.days.get(state, 0))
    yield days
    yield GaugeMetricFamily("kline_ledger_minutes", "Minutes stored, by the ledger.", totals.minutes)
    yield GaugeMetricFamily("kline_ledger_conflict_minutes", "Minutes on which sources differed.", totals.conflicts)
    yield GaugeMetricFamily("kline_archive_files", "Archive files loaded.", totals.files)
    wanted = GaugeMetricFamily("kline_history_days_wanted", "Days before today that are wanted.", labels=["symbol"])
    left = GaugeMetricFamily(
        "kline_history_days_open", "Days before today that lack minutes which some source may have.", labels=["symbol"]
    )
    for progress in history_progress(now=wall_clock_ms()):
        wanted.add_metric([progress.symbol], progress.days_wanted)
        left.add_metric([progress.symbol], progress.days_open)
    yield from (wanted, left)


LIVE: Final = Source("live", live, max_age_s=5.0)
# A look at every day of every symbol.
LEDGER: Final = Source("ledger", ledger, max_age_s=30.0, stale_s=60.0)
