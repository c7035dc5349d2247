"""The figures that all web processes share: of the collectors, the ledger, the tasks.

They lie in Redis and in the database and are asked for by whichever process is scraped. Each source is read by itself,
in a thread, at most once in a while; one that does not answer in time is left out of the page, and the page
says so. So a scrape costs the same whatever the number of scrapers, and a database that hangs delays it by LIMIT_S.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from market.monitoring.question import Question

logger = logging.getLogger(__name__)

LIMIT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Source:
    """`read` gives whole metric families; it may block, and raise. No other source has families of these names.
    What was read counts for `max_age_s`, and is shown for up to `stale_s` more while it is read anew."""

    name: str
    read: Callable[[], Iterable[Metric]]
    max_age_s: float
    stale_s: float = 0.0


_sources: Final[dict[str, Source]] = {}


def add_source(source: Source) -> None:
    """For apps that have figures of their own, when they are set up (`AppConfig.ready`)."""
    _sources[source.name] = source


class Page(Collector):
    """Families as prometheus_client's writer wants them."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def text_of(families: Iterable[Metric]) -> bytes:
    """In Prometheus' text format."""
    return generate_latest(Page(families))


class SharedFigures:
    """All sources, as one process asks them."""

    def __init__(self) -> None:
        self._questions = [
            # Written in the thread as well: six hundred symbols take milliseconds that the event loop has not.
            Question(source.name, partial(_write, source), max_age_s=source.max_age_s, stale_s=source.stale_s)
            for source in _sources.values()
        ]

    async def text(self) -> bytes:
        """What could be read."""
        texts = await asyncio.gather(*(_text(question) for question in self._questions))
        up = GaugeMetricFamily("kline_source_up", "Whether these figures could be read.", labels=["source"])
        for question, text in zip(self._questions, texts, strict=True):
            up.add_metric([question.name], float(text is not None))
        return b"".join([*(text for text in texts if text is not None), text_of([up])])


def _write(source: Source) -> bytes:
    return text_of(source.read())


async def _text(question: Question[bytes]) -> bytes | None:
    try:
        return await question.answer(LIMIT_S)
    except Exception as error:  # noqa: BLE001  (each source by itself: the page is most needed while something is broken)
        logger.warning("the figures of %s can't be read: %s", question.name, type(error).__name__)
        return None
