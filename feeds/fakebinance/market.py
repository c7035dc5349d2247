"""The truth: a seeded market in which every minute is a pure function of (seed, symbol, minute).

How a minute comes about:

1. The price at each minute's edge is the exponential of a sum of random lines with periods 1, 4, 16 ... 4**9
   minutes and amplitudes that grow with the root of the period: minutes wiggle, half-years trend, and the line
   has no seam anywhere, so any window can be computed by itself.
2. A minute closes on the line, on the tick grid, and opens at the previous close or a tick beside it.
3. High, low, volume, trades and the taker's share come from sixteen random numbers of that minute, scaled by
   a slow activity line and the hour of the day.
4. Minutes without a trade (a few by chance on thin symbols, long ones for all symbols at once when the
   exchange stands still) are flat at the previous close with zeros, as the exchange writes them. Every block
   of four hours starts with a trade, which bounds how far back the previous close can lie. A busy market has no
   such minutes, and so many trades in each that every quarter of a second has one.

What a minute had shown before it closed is a pure function of the closed bar and the time since it opened: see
`forming`, and `tape` for the frames of a stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from feeds.fakebinance.bars import MINUTE_MS, Bars, IntArray
from feeds.fakebinance.clock import Clock
from feeds.fakebinance.forming import partial
from feeds.fakebinance.listings import Listing
from feeds.fakebinance.noise import FloatArray, key_of, uniforms, wave, words
from market.domain.frame import CandleFrame
from market.domain.window import TimeWindow

BLOCK_MINUTES: Final = 240
OCTAVES: Final = 10
_DAY_MINUTES: Final = 1_440
_LONGEST_STANDSTILL: Final = 80
_PIECE_MINUTES: Final = 31 * _DAY_MINUTES
# Two trades for each quarter of a second of a minute: one might fall just before a quarter and one just after the
# next, for a stream's clock is not exact to the millisecond.
_BUSY_TRADES: Final = 480
# Deviation of the sum of the lines' one-minute steps, relative to amplitude * sqrt(period): fitted once so that
# `daily_move` comes out as the typical move between two midnights.
_LINE_GAIN: Final = 0.7


class Market(Protocol):
    """What archive and REST serve from: generated, or read from files."""

    @property
    def listings(self) -> Mapping[str, Listing]: ...

    def life(self, symbol: str) -> TimeWindow:
        """From the first minute with a row to the delisting. KeyError for an unknown symbol."""
        ...

    def minutes(self, symbol: str, start: int, end: int) -> Bars:
        """The minutes that open in [start, end), whatever the clock says. KeyError for an unknown symbol."""
        ...


class Truth:
    """A market seen by its clock: what has closed, and the bar that is forming."""

    def __init__(self, market: Market, clock: Clock) -> None:
        self.market = market
        self.clock = clock

    def bars(self, symbol: str, window: TimeWindow) -> Bars:
        """The closed minutes of the window, as exact integers. KeyError for an unknown symbol."""
        closed = self.clock.now() // MINUTE_MS * MINUTE_MS
        return self.market.minutes(symbol, window.start, min(window.end, closed))

    def frame(self, symbol: str, window: TimeWindow) -> CandleFrame:
        """The closed minutes of the window. KeyError for an unknown symbol."""
        return self.bars(symbol, window).frame()

    def shown(self, symbol: str, window: TimeWindow) -> Bars:
        """The closed minutes of the window and, last, the forming one if it opens inside; seen at one instant, so
        that a clock which ticks meanwhile leaves no hole between them. KeyError for an unknown symbol."""
        now = self.clock.now()
        opened = now // MINUTE_MS * MINUTE_MS
        closed = self.market.minutes(symbol, window.start, min(window.end, opened))
        if opened not in window:
            return closed
        return Bars.concat((closed, self.forming(symbol, now)), closed.scale)

    def forming(self, symbol: str, now: int | None = None) -> Bars:
        """The open minute as it looks now (or at `now`): one row, or none outside the symbol's life."""
        now = self.clock.now() if now is None else now
        opened = now // MINUTE_MS * MINUTE_MS
        final = self.market.minutes(symbol, opened, opened + MINUTE_MS)
        if not len(final):
            return final
        before = self.market.minutes(symbol, opened - MINUTE_MS, opened)
        previous_close = int(before.close[0]) if len(before) else int(final.open[0])
        return partial(final, previous_close=previous_close, elapsed_ms=now - opened)


class GeneratedMarket:
    """A market out of a seed. Safe to use from many threads: only `settle` changes it."""

    def __init__(self, *, seed: int, listings: Iterable[Listing], history_start: int, busy: bool = False) -> None:
        """No symbol has rows before `history_start`, however old its listing is."""
        self._busy = busy
        self._seed = seed
        self._listings = {listing.name: listing for listing in listings}
        self._history_start = history_start

    @property
    def listings(self) -> Mapping[str, Listing]:
        return self._listings

    def settle(self, symbol: str, delivery_ms: int) -> None:
        """Let a symbol end: the minute that opens before that instant is its last. KeyError for an unknown one."""
        # A new mapping, for other threads may be walking through the old one.
        self._listings = {**self._listings, symbol: self._listings[symbol].settled_at(delivery_ms)}

    def life(self, symbol: str) -> TimeWindow:
        listing = self._listings[symbol]
        first = -(-max(listing.onboard_ms, self._history_start) // MINUTE_MS) * MINUTE_MS
        return TimeWindow(first, max(first, listing.delivery_ms))

    def minutes(self, symbol: str, start: int, end: int) -> Bars:
        listing, life = self._listings[symbol], self.life(symbol)
        first = -(-max(start, life.start) // MINUTE_MS)
        stop = -(-min(end, life.end) // MINUTE_MS)
        if first >= stop:
            return Bars.empty(listing.scale)
        # In pieces of a month, for years at once would need a gigabyte of intermediate columns.
        pieces = range(first, stop, _PIECE_MINUTES)
        parts = [self._piece(listing, at, min(at + _PIECE_MINUTES, stop), life.start // MINUTE_MS) for at in pieces]
        return parts[0] if len(parts) == 1 else Bars.concat(parts, listing.scale)

    def _piece(self, listing: Listing, first: int, stop: int, life_first: int) -> Bars:
        """The minutes numbered first .. stop - 1."""
        # The previous close of a quiet minute lies after the start of its block, or of the symbol's life.
        padded = max(first // BLOCK_MINUTES * BLOCK_MINUTES, life_first)
        if padded == first:
            padded = max(first - BLOCK_MINUTES, life_first)
        return self._generate(listing, padded, stop - padded, life_first).take(slice(first - padded, None))

    def _generate(self, listing: Listing, first: int, count: int, life_first: int) -> Bars:
        """`count` minutes from minute number `first` on, which must be one that trades."""
        key = key_of(self._seed, listing.name, "minute")
        minute = np.arange(first, first + count, dtype=np.int64)
        dice = uniforms(key, first, count)
        line = self._price_line(listing, first, count + 1)
        if self._busy:
            traded = np.ones(count, dtype=np.bool_)
            single = ~traded
        else:
            traded = self._traded(listing, minute, dice[:, 0])
            traded[minute == life_first] = True
            single = traded & (dice[:, 2] < listing.quiet)
        activity = self._activity(listing, minute)

        tick = listing.tick
        edges = np.maximum(np.rint(line * (10.0**listing.price_decimals / tick)), 2.0).astype(np.int64)
        source = np.maximum.accumulate(np.where(traded, np.arange(count), 0))
        close = edges[1:][source]
        previous = np.concatenate((edges[:1], close[:-1]))
        opening = np.where(dice[:, 1] < 0.56, previous, np.where(dice[:, 1] < 0.78, previous + 1, previous - 1))
        opening = np.where(traded & ~single, opening, close)

        # How far a wick reaches, in ticks: mostly little, sometimes far; a dear price has more ticks to move.
        reach = edges[1:] * (listing.daily_move / np.sqrt(_DAY_MINUTES) * 0.9) * np.sqrt(activity)
        moves = traded & ~single
        up = np.where(moves, np.floor(dice[:, 3] * dice[:, 3] * reach + dice[:, 4]), 0.0).astype(np.int64)
        down = np.where(moves, np.floor(dice[:, 5] * dice[:, 5] * reach + dice[:, 6]), 0.0).astype(np.int64)
        high = np.maximum(opening, close) + up
        low = np.maximum(np.minimum(opening, close) - down, 1)

        volume, trades = self._amounts(listing, dice, activity, traded, single)
        if self._busy:
            trades = np.maximum(trades, _BUSY_TRADES)
            volume = np.maximum(volume, trades)
        taker = self._taker(volume, trades, dice)
        # Quote amounts lie between volume at the low and volume at the high, in whole tick * step units.
        span = high - low
        within = 0.1 + 0.8 * (dice[:, 12] + dice[:, 13]) / 2.0
        above = np.floor(span * volume * within).astype(np.int64)
        quote = low * volume + above
        share = taker / np.maximum(volume, 1)
        taker_quote = low * taker + np.floor(above * share).astype(np.int64)
        taker_quote = np.where(taker == volume, quote, taker_quote)
        return Bars(
            listing.scale,
            minute * MINUTE_MS,
            opening * tick,
            high * tick,
            low * tick,
            close * tick,
            volume,
            quote * tick,
            trades,
            taker,
            taker_quote * tick,
        )

    def _price_line(self, listing: Listing, first: int, count: int) -> FloatArray:
        """The price at the edges first .. first + count - 1, in the quote asset."""
        gain = listing.daily_move / np.sqrt(_DAY_MINUTES) * _LINE_GAIN
        total = np.zeros(count)
        for octave in range(OCTAVES):
            key = key_of(self._seed, listing.name, "line", octave)
            # Period 4**octave, amplitude gain * sqrt(period) = gain * 2**octave.
            total += wave(key, 2 * octave, first, count) * (gain * 2.0**octave)
        return np.asarray(listing.base_price * np.exp(total))

    def _activity(self, listing: Listing, minute: IntArray) -> FloatArray:
        """How busy each minute is, about 1 on average: slow moods times the hour of the day."""
        first, count = int(minute[0]), len(minute)
        mood = wave(key_of(self._seed, listing.name, "mood"), 8, first, count) * 0.45
        burst = wave(key_of(self._seed, listing.name, "burst"), 4, first, count) * 0.35
        of_day = _HOUR_CURVE[minute % _DAY_MINUTES]
        return np.asarray(np.exp(mood + burst) * of_day)

    def _traded(self, listing: Listing, minute: IntArray, dice: FloatArray) -> npt.NDArray[np.bool_]:
        """Which minutes have a trade. The first of each block always has."""
        traded = dice >= listing.quiet
        # A standstill of the whole exchange: at most one a block, in one block of about 1,500.
        block = minute // BLOCK_MINUTES
        first_block = int(block[0])
        raw = words(key_of(self._seed, "standstill"), first_block, int(block[-1]) - first_block + 1)
        begins = (1 + (raw >> np.uint64(8)) % np.uint64(150)).astype(np.int64)
        length = (5 + (raw >> np.uint64(24)) % np.uint64(_LONGEST_STANDSTILL - 5)).astype(np.int64)
        length[raw % np.uint64(1_499) != np.uint64(0)] = 0
        offset = minute % BLOCK_MINUTES
        since = offset - begins[block - first_block]
        traded &= ~((since >= 0) & (since < length[block - first_block]))
        result: npt.NDArray[np.bool_] = traded | (offset == 0)
        return result

    @staticmethod
    def _amounts(
        listing: Listing,
        dice: FloatArray,
        activity: FloatArray,
        traded: npt.NDArray[np.bool_],
        single: npt.NDArray[np.bool_],
    ) -> tuple[IntArray, IntArray]:
        """Volume in steps and number of trades: both 0 without a trade, at least four trades where the price
        moved (open, high, low and close may all differ), never fewer steps than trades."""
        spread = (dice[:, 7] + dice[:, 8] + dice[:, 9] + dice[:, 10] - 2.0) * 1.7
        typical = listing.minute_volume * 10.0**listing.quantity_decimals
        volume = np.rint(typical * np.exp(spread - 0.4) * activity)
        typical_trades = min(900.0, 40.0 + np.sqrt(listing.minute_volume * listing.base_price) / 4.0)
        trades = np.rint(typical_trades * np.exp(spread * 0.7) * np.sqrt(activity) * (0.8 + 0.4 * dice[:, 11]))
        trades = np.where(single, 1.0, np.maximum(trades, 4.0))
        volume = np.where(single, np.ceil(volume / 50.0), volume)
        volume = np.maximum(volume, trades)
        return np.where(traded, volume, 0.0).astype(np.int64), np.where(traded, trades, 0.0).astype(np.int64)

    @staticmethod
    def _taker(volume: IntArray, trades: IntArray, dice: FloatArray) -> IntArray:
        """The taker's buys: about half; all or nothing where there was a single trade."""
        share = 0.15 + 0.7 * (dice[:, 14] + dice[:, 15]) / 2.0
        mixed = np.rint(volume * share).astype(np.int64)
        return np.where(trades == 1, np.where(dice[:, 14] < 0.5, 0, volume), mixed)


def _hour_curve() -> FloatArray:
    """Busy in the American afternoon, calm in the Asian morning; a cosine is enough."""
    hours = np.arange(_DAY_MINUTES) / 60.0
    return np.asarray(1.0 + 0.35 * np.cos((hours - 15.0) / 24.0 * 2.0 * np.pi))


_HOUR_CURVE: Final = _hour_curve()
