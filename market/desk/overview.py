"""How things are, in a few numbers that cost little to have."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from django.db.models import Count, Q
from django.db.models.functions import Now
from django.urls import reverse

from market.desk.formats import age_text
from market.models import JOB_IS_OPEN, Job
from market.selectors.ledger import recent_gaps
from market.selectors.live import LiveStatus, live_status

_DAY: Final = dt.timedelta(days=1)
_RECENT_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Tile:
    """A number with its name, a sentence on it, the page that tells more, and `mood`: good, bad or plain."""

    name: str
    value: str
    text: str
    address: str
    mood: str = "plain"


def overview(*, now: int) -> list[Tile]:
    """The tiles of the first page; `now` in milliseconds UTC."""
    live = live_status(now=now)
    return [_symbols(live), _freshness(live), _collectors(live), _gaps(now), _jobs()]


def _symbols(live: LiveStatus) -> Tile:
    address = reverse("admin:market_symbol_changelist") + "?is_tracked__exact=1"
    if not live.symbols:
        return Tile("Symbols", "0", "nothing is tracked yet", reverse("admin:market_symbol_track"))
    return Tile("Symbols", str(len(live.symbols)), "tracked", address)


def _freshness(live: LiveStatus) -> Tile:
    address = reverse("admin:market_symbol_changelist") + "?is_tracked__exact=1"
    stale = [symbol for symbol in live.symbols if symbol.is_stale]
    ages = [symbol.age_s for symbol in live.symbols if symbol.age_s is not None]
    if stale:
        names = ", ".join(symbol.symbol for symbol in stale[:3]) + ("…" if len(stale) > 3 else "")
        mood = "bad" if live.is_wanted else "plain"
        return Tile("Data", f"{len(stale)} stale", f"nothing comes live of {names}", address, mood)
    if not ages:
        return Tile("Data", "-", "nothing comes live", address)
    return Tile("Data", age_text(max(ages)), "old at most, of every symbol", address, "good")


def _collectors(live: LiveStatus) -> Tile:
    address = reverse("admin:market_collector_changelist")
    if not live.is_wanted:
        return Tile("Collectors", "stand still", "as an operator has wished", address)
    if not live.is_running:
        return Tile("Collectors", "0", "none is alive", address, "bad")
    text = "alive, and data comes" if live.is_connected else "alive, and no data comes"
    if live.pending:
        text += f"; {live.pending} minutes wait for the database"
    return Tile("Collectors", str(len(live.collectors)), text, address, "good" if live.is_connected else "bad")


def _gaps(now: int) -> Tile:
    days, minutes = recent_gaps(now=now, days=_RECENT_DAYS)
    address = reverse("admin:market_ledgerday_changelist") + "?state__exact=partial&is_settled__exact=0"
    if not days:
        return Tile("Gaps", "0", f"of the last {_RECENT_DAYS} days", address, "good")
    return Tile("Gaps", f"{minutes:,} min", f"of the last {_RECENT_DAYS} days are still to come", address, "bad")


def _jobs() -> Tile:
    counts = Job.objects.aggregate(
        open=Count("id", filter=JOB_IS_OPEN),
        failed=Count("id", filter=Q(state=Job.State.FAILED, ended_at__gt=Now() - _DAY)),
    )
    text = f"{counts['failed']} failed since yesterday" if counts["failed"] else "open"
    address = reverse("admin:market_job_changelist")
    return Tile("Jobs", str(counts["open"]), text, address, "bad" if counts["failed"] else "plain")
