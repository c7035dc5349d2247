"""Two frames of the same symbol, side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from market.domain.frame import CandleFrame, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Open times (ms, ascending) that only one side has, and those at which both have a row and differ."""

    only_left: IntArray
    only_right: IntArray
    differing: IntArray

    @property
    def is_equal(self) -> bool:
        return not (len(self.only_left) or len(self.only_right) or len(self.differing))


def compare(left: CandleFrame, right: CandleFrame) -> Comparison:
    """Compare two ordered frames row by row, on all ten columns."""
    common, in_left, in_right = np.intersect1d(left.time, right.time, assume_unique=True, return_indices=True)
    same = left.take(in_left).equal_rows(right.take(in_right))
    return Comparison(
        only_left=np.setdiff1d(left.time, right.time, assume_unique=True),
        only_right=np.setdiff1d(right.time, left.time, assume_unique=True),
        differing=common[~same],
    )
