"""Decimals in floats."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.domain.decimals import net_volume, plus

# Volumes as the exchange has them: the more digits before the point, the fewer behind it.
SIZES = [(8, 8_000_000), (7, 60_000_000), (6, 900_000_000), (5, 8_000_000_000), (3, 10**12), (1, 7 * 10**13)]


@st.composite
def volumes(draw: st.DrawFn) -> tuple[Decimal, Decimal]:
    """A volume and a part of it."""
    places, greatest = draw(st.sampled_from(SIZES))
    whole = draw(st.integers(0, greatest * 10**places))
    part = draw(st.integers(0, whole))
    unit = Decimal(1).scaleb(-places)
    return whole * unit, part * unit


@given(volumes())
def test_net_volume_is_the_float_nearest_to_the_decimal(volume: tuple[Decimal, Decimal]) -> None:
    whole, part = volume
    assert net_volume(float(whole), float(part)) == float(2 * part - whole)


@given(volumes())
def test_a_sum_is_the_float_nearest_to_the_decimal(volume: tuple[Decimal, Decimal]) -> None:
    whole, part = volume
    assert plus(float(whole - part), float(part)) == float(whole)


@pytest.mark.parametrize(("volume", "taker_buy", "net"), [(1_000.001, 552.315, 104.629), (0.3, 0.1, -0.1), (0, 0, 0)])
def test_no_rounding_error_is_shown(volume: float, taker_buy: float, net: float) -> None:
    assert net_volume(volume, taker_buy) == net
