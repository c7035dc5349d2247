"""Candles of many symbols as columns: what one write carries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from market.domain.frame import CandleFrame, IntArray
from market.domain.window import MINUTE_MS


@dataclass(frozen=True, slots=True, eq=False)
class CandleBatch:
    """A frame whose rows belong to several symbols; `symbol_id` tells which. *Ordered* means ascending and unique in
    (symbol_id, time)."""

    symbol_id: IntArray
    frame: CandleFrame

    @classmethod
    def of(cls, symbol_id: int, frame: CandleFrame) -> Self:
        return cls(np.full(len(frame), symbol_id, dtype=np.int64), frame)

    @classmethod
    def concat(cls, parts: Iterable[tuple[int, CandleFrame]]) -> Self:
        """One batch of (symbol_id, frame) pairs, ordered; ValueError when a minute of a symbol comes twice."""
        batches = [cls.of(symbol_id, frame) for symbol_id, frame in parts]
        if not batches:
            return cls.of(0, CandleFrame.empty())
        joined = cls(
            np.concatenate([batch.symbol_id for batch in batches]),
            CandleFrame.concat(batch.frame for batch in batches),
        )
        ordered = joined if joined.is_ordered else joined.take(np.argsort(joined.keys, kind="stable"))
        if not ordered.is_ordered:
            raise ValueError("one candle of a symbol stands twice in the batch")
        return ordered

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def keys(self) -> IntArray:
        """One integer a row that orders by (symbol_id, time) and is unique to the pair."""
        return row_keys(self.symbol_id, self.frame.time)

    @property
    def is_ordered(self) -> bool:
        keys = self.keys
        return bool(np.all(keys[1:] > keys[:-1]))

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Self:
        return type(self)(self.symbol_id[rows], self.frame.take(rows))


def row_keys(symbol_id: IntArray, time: IntArray) -> IntArray:
    """(symbol_id, open time) as one integer. A minute's number stays below 2**33 until the year 18300."""
    return (symbol_id << 33) + time // MINUTE_MS
