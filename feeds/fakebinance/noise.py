"""Counter-based randomness: the value at an index is a pure function of (key, index).

A sequential generator would need every month before the one asked for. Philox is addressed by counter, so any
stretch of indices costs only itself and is the same in every call, process and order of calls.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
WORDS_PER_COUNT: Final = 4
_SIXTEEN_BITS: Final = 65_536.0
_NORMALISE: Final = np.sqrt(3.0)


def key_of(*parts: object) -> int:
    """A 128-bit key for a named stream of numbers."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).digest()
    return int.from_bytes(digest, "little")


def words(key: int, first: int, count: int) -> npt.NDArray[np.uint64]:
    """The 64-bit words at indices first .. first + count - 1 of a stream."""
    block, skip = divmod(first, WORDS_PER_COUNT)
    generator = np.random.Philox(key=key).advance(block)
    return np.asarray(generator.random_raw(skip + count), dtype=np.uint64)[skip:]


def uniforms(key: int, first: int, count: int) -> FloatArray:
    """Shape (count, 16): sixteen numbers in [0, 1) for each index, each with 16 bits."""
    raw = words(key, first * WORDS_PER_COUNT, count * WORDS_PER_COUNT).astype("<u8", copy=False)
    # Column-major, so that every column is contiguous for the arithmetic that follows.
    return np.asfortranarray(raw.view("<u2").reshape(count, 16)) / _SIXTEEN_BITS


def normals(key: int, first: int, count: int) -> FloatArray:
    """One bell-shaped number for each index: mean 0, deviation 1, never beyond +-3.5 (a sum of four uniforms)."""
    quarters = words(key, first, count).astype("<u8", copy=False).view("<u2").reshape(count, 4)
    total = quarters.sum(axis=1, dtype=np.int64)
    bell: FloatArray = (total / _SIXTEEN_BITS - 2.0) * _NORMALISE
    return bell


def wave(key: int, exponent: int, first: int, count: int) -> FloatArray:
    """A continuous random line at the integer points first .. first + count - 1: normals at every multiple of
    2**exponent, straight lines in between."""
    if exponent == 0:
        return normals(key, first, count)
    left = first >> exponent
    knots = normals(key, left, ((first + count - 1) >> exponent) - left + 2)
    points = np.arange(first, first + count, dtype=np.int64)
    index = (points >> exponent) - left
    fraction = (points & ((1 << exponent) - 1)) / float(1 << exponent)
    start = knots[index]
    line: FloatArray = start + (knots[index + 1] - start) * fraction
    return line
