"""What a collector has done so far and what waits in its parts, for its report."""

from __future__ import annotations

from feeds.live.batcher import Batcher
from feeds.live.book import Book
from feeds.live.intake import Intake
from feeds.live.links import Links
from feeds.live.outlet import Outlet
from market.heartbeat import WorkReport


def work_report(intake: Intake, book: Book, batcher: Batcher, outlet: Outlet, links: Links) -> WorkReport:
    """As the parts are now; counts begin with the collector."""
    return WorkReport(
        arrived=len(intake),
        outgoing=len(outlet),
        batches=batcher.batches,
        minutes=batcher.minutes,
        refusals=batcher.refusals,
        connects=links.connects,
        stream=book.delays.counts,
        stream_s=book.delays.total,
        send=outlet.delays.counts,
        send_s=outlet.delays.total,
    )
