"""Does what is stored agree with itself?"""

from __future__ import annotations

from dataclasses import dataclass

from market.domain.compare import compare
from market.domain.frame import CandleFrame, IntArray
from market.domain.interval import Interval
from market.domain.rollup import PARENTS, fold_batch
from market.domain.source import Source
from market.domain.window import Month, TimeWindow
from market.models import Symbol
from market.selectors.ledger import ledger_days
from market.store import audit, candles, ledger


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be: whose, when (a day, a month, a bar) and what."""

    symbol: str
    when: str
    what: str

    def __str__(self) -> str:
        return f"{self.symbol} {self.when}: {self.what}"


def month_findings(*, symbol: Symbol, month: Month) -> list[Finding]:
    """Where the ledger's counts or any rollup of the month differ from the stored minutes."""
    return [*_ledger_findings(symbol, month.window), *_rollup_findings(symbol, month.window)]


def _ledger_findings(symbol: Symbol, window: TimeWindow) -> list[Finding]:
    entries = ledger_days(symbol=symbol, window=window)
    counts = audit.count_minutes(symbol.id, window)
    findings = []
    for day in window.days():
        stored = counts.get(day, {})
        noted = {source: count for source, count in entries[day].rows.items() if count} if day in entries else {}
        if stored != noted:
            findings.append(Finding(symbol.name, str(day), f"the ledger has {_text(noted)}, the table {_text(stored)}"))
    return findings


def _text(counts: dict[Source, int]) -> str:
    return ", ".join(f"{count} {source.name}" for source, count in sorted(counts.items())) or "nothing"


def _rollup_findings(symbol: Symbol, window: TimeWindow) -> list[Finding]:
    """Each timeframe is held against the finer one below it, so that a difference is told once, where it arises."""
    findings = []
    for interval, parent in PARENTS:
        whole = interval.cover(window)
        expected = fold_batch(candles.read(parent, [(symbol.id, whole)])[0], interval).frame
        found = compare(expected, candles.read(interval, [(symbol.id, whole)])[0].frame)
        if not found.is_equal:
            what = (
                f"{interval.value} bars against {parent.value}: {len(found.only_left)} missing, "
                f"{len(found.only_right)} too many, {len(found.differing)} different"
            )
            findings.append(Finding(symbol.name, str(Month.of(window.start)), what))
    return findings


def stored_minutes(*, symbol_id: int, window: TimeWindow) -> tuple[CandleFrame, IntArray]:
    """The stored minutes of the window and the source of each."""
    batch, sources = candles.read(Interval.M1, [(symbol_id, window)])
    return batch.frame, sources


def file_digest(path: str) -> str | None:
    """The digest of the file that was loaded from this path of the archive; None if none was."""
    return ledger.read_digest(path)
