"""What hypothesis draws candles from."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from hypothesis import strategies as st

from market.domain.frame import CandleFrame
from tests.support.expected_store import Values

# Below which volume, by its number of decimals, neighbouring floats lie closer together than such decimals; with few
# decimals not quite so far, so that fifty of them stay below 2**53.
EXACT_BELOW: Final = {8: 2**26, 7: 2**29, 6: 2**33, 5: 2**36, 4: 2**39, 3: 2**43, 2: 2**46, 1: 2**47, 0: 2**47}


def decimals(greatest: int, places: int) -> st.SearchStrategy[float]:
    """The float nearest to a decimal that is at most `greatest`, with up to so many places."""
    return st.integers(0, places).flatmap(
        lambda shift: st.integers(0, greatest * 10**shift).map(lambda units: float(Decimal(units).scaleb(-shift)))
    )


def exact_decimals() -> st.SearchStrategy[float]:
    """Any volume that a float64 tells apart from its neighbours to its last decimal."""
    return st.sampled_from(sorted(EXACT_BELOW)).flatmap(
        lambda places: st.integers(0, EXACT_BELOW[places] * 10**places - 1).map(
            lambda units: float(Decimal(units).scaleb(-places))
        )
    )


@st.composite
def candles(draw: st.DrawFn, volumes: st.SearchStrategy[float]) -> Values:
    """Prices up to 100,000 with eight places; low <= open, close <= high."""
    low, one, other, high = sorted(draw(st.lists(decimals(100_000, 8), min_size=4, max_size=4)))
    opened, closed = (other, one) if draw(st.booleans()) else (one, other)
    return (
        opened,
        high,
        low,
        closed,
        draw(volumes),
        draw(volumes),
        draw(volumes),
        draw(volumes),
        draw(st.integers(0, 10_000)),
    )


def frame_of(rows: dict[int, Values]) -> CandleFrame:
    """An ordered frame of the candles by open time."""
    return CandleFrame.from_rows((time, *rows[time]) for time in sorted(rows))


def rows_of(frame: CandleFrame) -> dict[int, Values]:
    """The inverse of `frame_of`."""
    columns = (
        frame.open,
        frame.high,
        frame.low,
        frame.close,
        frame.volume,
        frame.quote_volume,
        frame.taker_buy_volume,
        frame.taker_buy_quote_volume,
        frame.trade_count,
    )
    values = zip(*(column.tolist() for column in columns), strict=True)
    return dict(zip(frame.time.tolist(), values, strict=True))
