"""Sums over years of the ledger, kept by each process for as long as they are true.

Hundreds of symbols have a thousand days each, and every visitor's page asks for their sums every few seconds. The days
before the last ones hardly ever change, and the database tells when they have (`market.store.progress.changes`). So
what is shown is what is stored, each time, and what is summed is what has changed, and the last days.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from threading import Lock
from typing import Final

from market.domain.clock import wall_clock_ms
from market.domain.window import day_of
from market.store import progress
from market.store.progress import LedgerSums

# A symbol's id, and the first and the last day of which sums are wanted.
Wanted = tuple[int, dt.date, dt.date]
# Of which days, as of which change; and their sums, None where nothing is in the ledger.
_Kept = tuple[dt.date, dt.date, dt.datetime | None, LedgerSums | None]

_UNTOLD: Final = dt.timedelta(days=progress.DAYS_UNTOLD)
_DAY: Final = dt.timedelta(days=1)


class PastSums:
    """The sums of one process, of each symbol for the days that were last asked for."""

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}
        # Those who ask at the same time wait for the first of them, and need not sum the same again.
        self._lock = Lock()

    def with_recent(self, wanted: Sequence[Wanted], *, today: dt.date) -> dict[int, LedgerSums]:
        """As `market.store.progress.sum_days` sums them."""
        border = min(today, day_of(wall_clock_ms())) - _UNTOLD
        past = [(id_, first, min(last, border - _DAY)) for id_, first, last in wanted if first < border]
        recent = [(id_, max(first, border), last) for id_, first, last in wanted if last >= border]
        sums = self._past(past, today)
        for id_, later in progress.sum_days(recent, today=today).items():
            earlier = sums.get(id_)
            sums[id_] = later if earlier is None else earlier.plus(later)
        return sums

    def _past(self, wanted: Sequence[Wanted], today: dt.date) -> dict[int, LedgerSums]:
        if not wanted:
            return {}
        with self._lock:
            # Before the sums: a change between both is seen next time, and summed once more.
            changed = progress.changes([id_ for id_, _, _ in wanted])
            unknown = [
                (id_, first, last)
                for id_, first, last in wanted
                if id_ not in self._kept or self._kept[id_][:3] != (first, last, changed.get(id_))
            ]
            found = progress.sum_days(unknown, today=today)
            for id_, first, last in unknown:
                self._kept[id_] = (first, last, changed.get(id_), found.get(id_))
            return {id_: sums for id_, _, _ in wanted if (sums := self._kept[id_][3]) is not None}


PAST_SUMS: Final = PastSums()
