"""Who wins when candles arrive for minutes that are stored already, against a dict."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from market.domain.batch import CandleBatch
from market.domain.merge import merge
from market.domain.source import Source
from tests.support.expected_store import Values
from tests.support.strategies import frame_of

MINUTE = 60_000
ONE: Values = (10.0, 12.0, 9.0, 11.0, 0.1, 1.1, 0.05, 0.55, 3)
OTHER: Values = (*ONE[:8], 4)
KEYS = st.tuples(st.integers(1, 3), st.integers(0, 6).map(lambda minute: minute * MINUTE))
ROWS = st.dictionaries(KEYS, st.sampled_from([ONE, OTHER]))
STORED = st.dictionaries(KEYS, st.tuples(st.sampled_from([ONE, OTHER]), st.sampled_from(Source)))


def batch_of(rows: dict[tuple[int, int], Values]) -> CandleBatch:
    return CandleBatch.concat(
        (symbol, frame_of({time: row for (owner, time), row in rows.items() if owner == symbol}))
        for symbol in (1, 2, 3)
    )


@given(ROWS, st.sampled_from(Source), STORED, st.booleans())
def test_each_row_gets_the_verdict_of_its_own_minute(
    incoming: dict[tuple[int, int], Values],
    source: Source,
    stored: dict[tuple[int, int], tuple[Values, Source]],
    supersede: bool,
) -> None:
    verdict = merge(
        batch_of(incoming),
        source,
        batch_of({key: row for key, (row, _) in stored.items()}),
        np.array([stored[key][1] for key in sorted(stored)], dtype=np.int64),
        supersede=supersede,
    )
    for place, key in enumerate(sorted(incoming)):
        held = stored.get(key)
        differs = held is not None and held[0] != incoming[key]
        wins = held is not None and (source > held[1] or (supersede and differs and source == held[1]))
        assert verdict.insert[place] == (held is None)
        assert verdict.conflict[place] == differs
        assert verdict.replace[place] == wins
        assert verdict.changed[place] == (held is None or (wins and differs))
        assert verdict.previous[place] == (0 if held is None else held[1])


def test_every_column_counts_when_candles_are_compared() -> None:
    for column in range(len(ONE)):
        changed = (*ONE[:column], ONE[column] + 1, *ONE[column + 1 :])
        verdict = merge(batch_of({(1, 0): changed}), Source.REST, batch_of({(1, 0): ONE}), np.array([Source.LIVE]))  # type: ignore[dict-item]
        assert verdict.conflict.tolist() == [True]
