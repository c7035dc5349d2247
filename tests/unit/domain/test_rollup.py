"""Folding against sums of decimals."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from market.domain.batch import CandleBatch
from market.domain.frame import CandleFrame
from market.domain.interval import Interval
from market.domain.rollup import PARENTS, decimal_sums, fold, fold_batch
from tests.support.candles import ms, random_frame
from tests.support.expected_store import Values, bucket_start, folded
from tests.support.strategies import candles, decimals, exact_decimals, frame_of, rows_of

MINUTE = 60_000
EDGES = [ms("2024-02-01"), ms("2024-02-05"), ms("2024-03-01T09:05")]
MINUTES = [edge + step * MINUTE for edge in EDGES for step in (-61, -5, -1, 0, 1, 5, 15, 60)]


def expected_bars(rows: dict[int, Values], interval: Interval) -> dict[int, Values]:
    buckets: dict[int, list[Values]] = defaultdict(list)
    for time in sorted(rows):
        buckets[bucket_start(interval.value, time)].append(rows[time])
    return {start: folded(bars) for start, bars in buckets.items()}


@given(st.dictionaries(st.sampled_from(MINUTES), candles(exact_decimals())), st.sampled_from(Interval))
def test_minutes_fold_into_the_bars_of_the_calendar_with_exact_sums(
    rows: dict[int, Values], interval: Interval
) -> None:
    assert rows_of(fold(frame_of(rows), interval)) == expected_bars(rows, interval)


# Up to 24 of these stay where floats tell eight places apart.
@given(st.dictionaries(st.sampled_from(MINUTES), candles(decimals(2_000_000, 8))))
def test_a_bar_folded_step_by_step_is_the_bar_folded_at_once(rows: dict[int, Values]) -> None:
    frames = {Interval.M1: frame_of(rows)}
    for interval, parent in PARENTS:
        frames[interval] = fold(frames[parent], interval)
        assert frames[interval] == fold(frames[Interval.M1], interval)


# Neighbours of these floats lie 1.5e-8 apart: to eight places their rounding error is a digit.
@example([68_983_243.90271, 6_343_623.25887, 2_954_837.30477, 6_052_055.74655, 26_141_572.23431])
@example([0.1, 0.2])
@example([2.0**53 - 1, 0.00000001])
@given(st.lists(exact_decimals(), min_size=1, max_size=50))
def test_a_sum_is_the_float_nearest_to_the_sum_of_the_decimals(volumes: list[float]) -> None:
    exact = sum((Decimal(repr(volume)) for volume in volumes), Decimal(0))
    assert decimal_sums(np.array(volumes), np.array([0])).tolist() == [float(exact)]


@given(st.lists(exact_decimals(), min_size=2, max_size=20), st.randoms(use_true_random=False))
def test_the_order_of_a_sum_does_not_matter(volumes: list[float], random: object) -> None:
    shuffled = list(volumes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first = np.array([0])
    assert decimal_sums(np.array(volumes), first) == decimal_sums(np.array(shuffled), first)


def test_symbols_are_folded_apart() -> None:
    one, other = random_frame(1, ms("2024-01-01"), 90), random_frame(2, ms("2024-01-01"), 90)
    bars = fold_batch(CandleBatch.concat([(1, one), (2, other)]), Interval.H1)
    assert bars.symbol_id.tolist() == [1, 1, 2, 2]
    assert bars.frame == CandleFrame.concat([fold(one, Interval.H1), fold(other, Interval.H1)])


def test_a_bucket_without_a_candle_makes_no_bar() -> None:
    frame = random_frame(1, ms("2024-01-01"), 180)
    with_a_hole = frame.take((frame.time < ms("2024-01-01T01:00")) | (frame.time >= ms("2024-01-01T02:00")))
    assert fold(with_a_hole, Interval.H1).time.tolist() == [ms("2024-01-01T00:00"), ms("2024-01-01T02:00")]


def test_nothing_folds_into_nothing() -> None:
    assert len(fold(CandleFrame.empty(), Interval.D1)) == 0


@pytest.mark.parametrize("rows", [[1, 0], [0, 0]])
def test_candles_out_of_order_are_refused(rows: list[int]) -> None:
    frame = random_frame(1, ms("2024-01-01"), 2).take(np.array(rows))
    with pytest.raises(ValueError, match="ascending"):
        fold(frame, Interval.M5)


def test_a_month_of_billions_with_seven_decimals_stays_exact_through_every_timeframe() -> None:
    """As 1000PEPEUSDT has them: a price of seven decimals times a whole number, some four billion a day."""
    random = np.random.default_rng(11)
    start, minutes = ms("2024-03-01"), 31 * 1_440
    units = (random.exponential(2_800_000, minutes) * 10**7).astype(np.int64)
    volumes = units / 10.0**7
    prices = np.full(minutes, 0.0123456)
    traded = CandleFrame(
        time=start + MINUTE * np.arange(minutes),
        open=prices,
        high=prices,
        low=prices,
        close=prices,
        volume=volumes,
        quote_volume=volumes,
        taker_buy_volume=volumes,
        taker_buy_quote_volume=volumes,
        trade_count=np.ones(minutes, dtype=np.int64),
    )
    frames = {Interval.M1: traded}
    for interval, parent in PARENTS:
        frames[interval] = bars = fold(frames[parent], interval)
        owner = np.searchsorted(bars.time, interval.floor_array(frames[Interval.M1].time))
        exact = [0] * len(bars)
        for bar, amount in zip(owner.tolist(), units.tolist(), strict=True):
            exact[bar] += amount
        assert bars.quote_volume.tolist() == [float(Decimal(amount).scaleb(-7)) for amount in exact], interval
