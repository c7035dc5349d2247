"""What happens when candles arrive for minutes that are stored already."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from market.domain.batch import CandleBatch
from market.domain.frame import IntArray
from market.domain.source import Source

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Merge:
    """Verdict on each row of an incoming batch; all arrays have its length.

    insert    nothing was stored for the minute: store the row
    replace   the row takes the place of the stored one (other values, or the same from a better source)
    conflict  both sources have the minute and differ, whichever of them stays
    changed   the stored values change: everything folded from them is out of date
    previous  source of the stored row (0 where there was none)
    """

    insert: BoolArray
    replace: BoolArray
    conflict: BoolArray
    previous: IntArray

    @property
    def changed(self) -> BoolArray:
        return self.insert | (self.replace & self.conflict)


def merge(
    incoming: CandleBatch, source: Source, stored: CandleBatch, stored_source: IntArray, *, supersede: bool = False
) -> Merge:
    """Compare an incoming ordered batch with what is stored (ordered, any superset of the same minutes).

    A better source wins, a worse one changes nothing; from an equal one the first stays, unless `supersede` says that
    the incoming file is a newer issue of the one that was stored.
    """
    keys, stored_keys = incoming.keys, stored.keys
    if not len(stored_keys):
        none = np.zeros(len(keys), dtype=np.bool_)
        return Merge(~none, none, none, np.zeros(len(keys), dtype=np.int64))
    place = np.searchsorted(stored_keys, keys).clip(max=len(stored_keys) - 1)
    known = stored_keys[place] == keys
    previous = np.where(known, stored_source[place], 0)
    differs = known & ~incoming.frame.equal_rows(stored.frame.take(place))
    better = known & (previous < source)
    renewed = differs & (previous == source) if supersede else np.zeros(len(keys), dtype=np.bool_)
    return Merge(insert=~known, replace=better | renewed, conflict=differs, previous=previous)
