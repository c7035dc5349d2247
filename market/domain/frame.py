"""Many candles of one symbol and one interval, as columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from market.domain.window import TimeWindow

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

PRICE_COLUMNS: Final = ("open", "high", "low", "close")
VOLUME_COLUMNS: Final = (
    "volume",
    "quote_volume",
    "taker_buy_volume",
    "taker_buy_quote_volume",
)
VALUE_COLUMNS: Final = (*PRICE_COLUMNS, *VOLUME_COLUMNS, "trade_count")
# The fields of a frame, in their order; a `Candle` has them in the same.
COLUMNS: Final = ("time", *VALUE_COLUMNS)


@dataclass(frozen=True, slots=True, eq=False)
class CandleFrame:
    """Columns of equal length, one row a candle.

    `time` is the open time in milliseconds UTC. Prices are in the quote asset; `volume` and
    `taker_buy_volume` in the base asset; `quote_volume` and `taker_buy_quote_volume` in the quote asset;
    `trade_count` counts trades. Rows are ascending and unique in time wherever a function says *ordered*.
    """

    time: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    quote_volume: FloatArray
    taker_buy_volume: FloatArray
    taker_buy_quote_volume: FloatArray
    trade_count: IntArray

    def __post_init__(self) -> None:
        lengths = {len(getattr(self, column.name)) for column in fields(self)}
        if len(lengths) != 1:
            raise ValueError(f"columns of different lengths: {sorted(lengths)}")

    @classmethod
    def empty(cls) -> Self:
        return cls.from_rows(())

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[float, ...]]) -> Self:
        """Rows of the values of `COLUMNS`."""
        columns = list(zip(*rows, strict=True)) or [()] * len(fields(cls))
        return cls(
            *(np.array(column, dtype=_DTYPE[field.name]) for field, column in zip(fields(cls), columns, strict=True))
        )

    @classmethod
    def concat(cls, frames: Iterable[CandleFrame]) -> Self:
        """One after the other, in the order given."""
        parts = [frame for frame in frames if len(frame)]
        if not parts:
            return cls.empty()
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def __len__(self) -> int:
        return len(self.time)

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_] | slice) -> Self:
        """The chosen rows: by index, by mask or by slice (a slice copies nothing)."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    def slice(self, window: TimeWindow) -> Self:
        """The rows of an ordered frame that open inside the window."""
        first, last = np.searchsorted(self.time, [window.start, window.end])
        return self.take(slice(int(first), int(last)))

    def sorted_by_time(self) -> Self:
        """Ascending in time; equal times keep their order."""
        if len(self) < 2 or bool(np.all(self.time[1:] > self.time[:-1])):
            return self
        return self.take(np.argsort(self.time, kind="stable"))

    @property
    def is_ordered(self) -> bool:
        """Whether rows are ascending and unique in time."""
        return bool(np.all(self.time[1:] > self.time[:-1]))

    def equal_rows(self, other: CandleFrame) -> npt.NDArray[np.bool_]:
        """Row by row: are all ten columns the same? Both frames have the same length."""
        same = np.ones(len(self), dtype=np.bool_)
        for field in fields(self):
            same &= getattr(self, field.name) == getattr(other, field.name)
        return same

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CandleFrame):
            return NotImplemented
        return len(self) == len(other) and bool(self.equal_rows(other).all())

    __hash__ = None  # type: ignore[assignment]


_DTYPE: Final[dict[str, type[np.generic]]] = {
    field.name: np.int64 if field.name in ("time", "trade_count") else np.float64 for field in fields(CandleFrame)
}
