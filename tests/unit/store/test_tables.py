"""The binary form of candles."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from market.domain.batch import CandleBatch
from market.domain.frame import CandleFrame
from market.domain.source import Source
from market.domain.window import LATEST_MS
from market.store.tables import decode, encode
from tests.support.expected_store import Values
from tests.support.strategies import frame_of

FLOATS = st.floats(allow_nan=False)
ROWS = st.dictionaries(st.integers(0, LATEST_MS), st.tuples(*[FLOATS] * 8, st.integers(0, 2**31 - 1)), max_size=20)
SYMBOLS = st.integers(1, 2**31 - 1)


@given(ROWS, SYMBOLS)
def test_what_is_encoded_is_decoded_again(rows: dict[int, Values], symbol_id: int) -> None:
    batch, sources = decode(encode(CandleBatch.of(symbol_id, frame_of(rows))), with_source=False)
    assert batch.frame == frame_of(rows)
    assert batch.symbol_id.tolist() == [symbol_id] * len(rows)
    assert sources.tolist() == [0] * len(rows)


@given(ROWS, SYMBOLS, st.randoms(use_true_random=False))
def test_sources_come_back_with_their_rows(rows: dict[int, Values], symbol_id: int, random: object) -> None:
    chosen = [random.choice(list(Source)) for _ in rows]  # type: ignore[attr-defined]
    stream = encode(CandleBatch.of(symbol_id, frame_of(rows)), np.array(chosen, dtype=np.int64))
    batch, sources = decode(stream, with_source=True)
    assert batch.frame == frame_of(rows)
    assert sources.tolist() == chosen


def test_one_source_stands_for_all_rows() -> None:
    frame = CandleFrame.from_rows([(0, *[1.0] * 8, 1), (60_000, *[2.0] * 8, 2)])
    _, sources = decode(encode(CandleBatch.of(1, frame), int(Source.REST)), with_source=True)
    assert sources.tolist() == [Source.REST, Source.REST]
