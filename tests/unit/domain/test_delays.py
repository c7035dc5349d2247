"""How long things took, counted by bounds."""

from __future__ import annotations

import pytest

from market.domain.delays import BOUNDS, Delays


def test_a_bound_belongs_to_what_is_below_it() -> None:
    delays = Delays()
    for seconds in (0.005, 0.0051, 30.0, 31.0):
        delays.add(seconds)
    assert delays.counts == [1, 1, *[0] * (len(BOUNDS) - 3), 1, 1]
    assert delays.total == pytest.approx(61.0101)


def test_clocks_that_disagree_make_no_negative_time() -> None:
    delays = Delays()
    delays.add(-3.0)
    assert (delays.counts[0], delays.total) == (1, 0.0)


def test_each_bound_counts_all_that_took_no_longer() -> None:
    delays = Delays()
    for seconds in (0.001, 0.2, 99.0):
        delays.add(seconds)
    cumulative = dict(delays.cumulative())
    assert (cumulative["0.005"], cumulative["0.1"], cumulative["0.25"], cumulative["+Inf"]) == (1, 1, 2, 3)


def test_counts_of_other_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match="2 counts"):
        Delays([1, 2])
