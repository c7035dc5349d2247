"""What history is wanted and not there yet, and the runs that fetch it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from channels.db import database_sync_to_async

from feeds.backfill import Backfill, Totals, open_run, units_at_once
from feeds.destinations import Database, Unit
from market.domain.window import MINUTE_MS, TimeWindow, day_of, day_start
from market.models import Symbol
from market.selectors.ledger import days_done_by_month, wanted_window
from market.selectors.live import live_before
from market.selectors.symbols import symbols_tracked
from market.services.claims import history_runner_claim, history_runner_release

logger = logging.getLogger(__name__)

# Units between two looks at the wishes: a symbol that is tracked meanwhile does not wait for all the others.
_UNITS_A_ROUND: Final = 24


def pending_units(windows: Sequence[tuple[Symbol, TimeWindow]]) -> list[Unit]:
    """The months in which a symbol lacks days of its window: the newest first, and each month across all symbols, so
    that charts have their right edge early and writes meet in few chunks."""
    done = days_done_by_month({symbol.id: window for symbol, window in windows})
    units = [
        Unit(symbol, month, part)
        for symbol, window in windows
        for month in window.months()
        if len((part := month.window.intersect(window)).days()) > done.get((symbol.id, month), 0)
    ]
    return sorted(units, key=lambda unit: (unit.month, unit.symbol.name), reverse=True)


async def history_load(
    *,
    symbols: Sequence[Symbol],
    limits: TimeWindow | None = None,
    on_progress: Callable[[Totals], None] = lambda _: None,
    on_units: Callable[[Sequence[Unit]], None] = lambda _: None,
) -> Totals:
    """Fetch what these symbols lack of their wanted history, or of `limits` (ms) in its place, and report.

    `on_units` gets what will be fetched, `on_progress` the totals after each step.
    """
    async with open_run() as (exchange, workers):
        run = Backfill(exchange, Database(workers), on_progress=on_progress)
        now = exchange.now()
        units = await database_sync_to_async(_pending)(symbols, now, limits)
        on_units(units)
        await run.run(units, at_once=units_at_once(exchange))
        # A server that died may have taken its last commits with it, ledger and all (`candles_ingest`, durable=False):
        # what it lost of finished days is missing again now.
        failed = {(unit.symbol.id, unit.month) for unit in run.failed}
        lacking = await database_sync_to_async(_pending)(symbols, day_start(day_of(now)), limits)
        lost = [unit for unit in lacking if (unit.symbol.id, unit.month) not in failed]
        await run.run(lost, at_once=units_at_once(exchange))
        return run.totals


async def history_fill() -> Totals | None:
    """Fetch what all tracked symbols lack, until nothing is left to try; None when another worker is at it.

    Symbols that are tracked meanwhile are taken up in the next round, so the signal that one was may find a run under
    way and need not start another.
    """
    claim = database_sync_to_async(history_runner_claim)
    release = database_sync_to_async(history_runner_release)
    next_round = database_sync_to_async(_next_round)
    is_ours = await claim()
    if not is_ours:
        return None
    try:
        async with open_run() as (exchange, workers):
            run = Backfill(exchange, Database(workers))
            attempted: set[tuple[int, TimeWindow]] = set()
            while is_ours:
                while units := await next_round(exchange.now(), attempted):
                    attempted.update((unit.symbol.id, unit.month.window) for unit in units)
                    await run.run(units, at_once=units_at_once(exchange))
                is_ours = False
                await release()
                # One more look: a signal that came until now has found the claim taken and counts on this run.
                is_ours = bool(await next_round(exchange.now(), attempted)) and await claim()
            return run.totals
    finally:
        if is_ours:
            await release()


def _pending(symbols: Sequence[Symbol], now: int, limits: TimeWindow | None) -> list[Unit]:
    return pending_units([(symbol, _window(symbol, now, limits)) for symbol in symbols])


def _next_round(now: int, attempted: set[tuple[int, TimeWindow]]) -> list[Unit]:
    # Two who fetch the same youngest minutes would do no harm, but ask twice.
    before = live_before(now)
    windows = [(symbol, wanted_window(symbol, before)) for symbol in symbols_tracked()]
    units = [unit for unit in pending_units(windows) if (unit.symbol.id, unit.month.window) not in attempted]
    return units[:_UNITS_A_ROUND]


def _window(symbol: Symbol, now: int, limits: TimeWindow | None) -> TimeWindow:
    if limits is None:
        return wanted_window(symbol, now)
    closed = TimeWindow(0, now // MINUTE_MS * MINUTE_MS)
    return closed.intersect(symbol.life).intersect(limits)
