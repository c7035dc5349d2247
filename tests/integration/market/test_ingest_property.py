"""Whatever arrives, in whatever order: minutes, bars and ledger equal a model kept in plain Python."""

from __future__ import annotations

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.domain.batch import CandleBatch
from market.domain.source import LoadedFile, Source
from market.models import LedgerDay
from market.services.candles import candles_ingest
from tests.support.candles import issue, make_symbol, ms
from tests.support.database import delete_candles
from tests.support.expected_store import INTERVALS, ExpectedStore, Key, Values
from tests.support.stored import bars_by_time_bucket, stored_bars, stored_ledger, stored_sources
from tests.support.strategies import candles, decimals, frame_of

pytestmark = pytest.mark.django_db

MINUTE = 60_000
# A month's edge in the middle of a week, a week's edge in the middle of a month, a day's edge and a plain hour.
EDGES = [ms("2024-02-01"), ms("2024-02-05"), ms("2024-02-03"), ms("2024-02-02T09:05")]
MINUTES = [edge + step * MINUTE for edge in EDGES for step in (-61, -6, -5, -2, -1, 0, 1, 4, 5, 14, 15, 60)]
SYMBOLS = 2


# Few different candles, so that batches often agree.
A_CANDLE = st.one_of(
    st.sampled_from(
        [
            (10.0, 12.0, 9.0, 11.0, 0.1, 1.1, 0.05, 0.55, 3),
            (10.0, 12.0, 9.0, 11.0, 0.2, 2.2, 0.05, 0.55, 3),
            (11.0, 11.0, 11.0, 11.0, 0.0, 0.0, 0.0, 0.0, 0),
        ]
    ),
    # A hundred of these in a month stay where floats tell eight places apart.
    candles(decimals(400_000, 8)),
)


@st.composite
def batches(draw: st.DrawFn) -> tuple[dict[Key, Values], Source, LoadedFile | None]:
    """Rows by (number of the symbol, minute), where they came from, and the file if they came in one."""
    source = draw(st.sampled_from(Source))
    from_file = source in {Source.MONTHLY, Source.DAILY}
    symbols = st.just(draw(st.integers(0, SYMBOLS - 1))) if from_file else st.integers(0, SYMBOLS - 1)
    rows = draw(st.dictionaries(st.tuples(symbols, st.sampled_from(MINUTES)), A_CANDLE, max_size=30))
    return rows, source, issue(source.name, draw(st.sampled_from("ab"))) if from_file else None


def as_batch(rows: dict[Key, Values]) -> CandleBatch:
    symbols = sorted({symbol for symbol, _ in rows})
    return CandleBatch.concat(
        (symbol, frame_of({time: values for (owner, time), values in rows.items() if owner == symbol}))
        for symbol in symbols
    )


def assert_store_is(expected: ExpectedStore) -> None:
    for interval in INTERVALS:
        held = stored_bars(interval)
        assert held == expected.bars(interval), interval
        assert held == bars_by_time_bucket(interval), interval
    assert stored_sources() == {key: source for key, (_, source) in expected.minutes.items()}
    assert stored_ledger() == expected.ledger()


@pytest.fixture
def symbol_ids() -> list[int]:
    """Symbols, and the chunks of all minutes used here: made outside of the examples, whose rollback would unmake
    them again and again."""
    ids = [make_symbol(f"S{number}USDT").id for number in range(SYMBOLS)]
    candles_ingest(batch=as_batch({(ids[0], time): (1.0,) * 8 + (1,) for time in MINUTES}), source=Source.LIVE)
    delete_candles()
    LedgerDay.objects.all().delete()
    return ids


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals=st.lists(batches(), min_size=1, max_size=5))
def test_any_sequence_of_batches_leaves_exactly_what_the_model_holds(
    symbol_ids: list[int], arrivals: list[tuple[dict[Key, Values], Source, LoadedFile | None]]
) -> None:
    expected = ExpectedStore()
    with transaction.atomic():
        for numbered, source, file in arrivals:
            rows = {(symbol_ids[number], time): values for (number, time), values in numbered.items()}
            done = candles_ingest(batch=as_batch(rows), source=source, file=file)
            assert (done.inserted, done.replaced, done.conflicts) == expected.ingest(rows, source, file)
        assert_store_is(expected)
        transaction.set_rollback(True)
