"""A page of bars as charts are sent them: columns, which become JSON without an object for each bar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np

from market.domain.frame import FloatArray, IntArray

# (open time in ms UTC, open, high, low, close, volume, taker_buy_volume)
PageRow = tuple[int, float, float, float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """Columns of equal length, contiguous, one row a bar, ascending in time; names and units as in `CandleFrame`."""

    time: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    taker_buy_volume: FloatArray

    @classmethod
    def of_rows(cls, rows: Iterable[Sequence[float]]) -> Self:
        """Of rows that begin as `PageRow` does; what they have behind it is left out."""
        columns = list(zip(*(row[: len(COLUMNS)] for row in rows), strict=True)) or [()] * len(COLUMNS)
        return cls(np.array(columns[0], dtype=np.int64), *(np.array(one, dtype=np.float64) for one in columns[1:]))

    @classmethod
    def concat(cls, pages: Sequence[Page]) -> Page:
        """One after the other, in the order given."""
        filled = [page for page in pages if len(page)]
        if len(filled) < 2:
            return filled[0] if filled else cls.of_rows(())
        return cls(*(np.concatenate([getattr(page, name) for page in filled]) for name in COLUMNS))

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, rows: slice) -> Self:
        return type(self)(*(getattr(self, name)[rows] for name in COLUMNS))

    def rows(self) -> list[PageRow]:
        return list(zip(*(getattr(self, name).tolist() for name in COLUMNS), strict=True))

    @property
    def last(self) -> int:
        """Open time of the newest bar; IndexError on an empty page."""
        return int(self.time[-1])


COLUMNS: Final = tuple(field.name for field in fields(Page))
