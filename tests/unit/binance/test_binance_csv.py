"""Archive CSV to columns: exact where it is well formed, refused where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.binance.errors import BadCell, ConflictingRows, OutsideWindow, RefusedData
from feeds.binance.wire import CSV_COLUMNS, frame_from_csv
from market.domain.window import MINUTE_MS, TimeWindow

START = 1_725_148_800_000  # 2024-09-01 00:00 UTC
WINDOW = TimeWindow(START, START + 10 * MINUTE_MS)
HEADER = ",".join(CSV_COLUMNS)

Row = list[str]


def row(minute: int = 0, **cells: str) -> Row:
    """A well-formed row of the given minute, with some cells replaced."""
    start = START + minute * MINUTE_MS
    values = {
        "open_time": str(start),
        "open": "0.1223",
        "high": "0.1230",
        "low": "0.1220",
        "close": "0.1225",
        "volume": "33013",
        "close_time": str(start + 59_999),
        "quote_volume": "4037.48990",
        "count": "17",
        "taker_buy_volume": "12000.5",
        "taker_buy_quote_volume": "1467.60000",
        "ignore": "0",
    }
    return list((values | cells).values())


def csv(rows: Sequence[Row], *, header: bool = True) -> bytes:
    return "\n".join([*([HEADER] if header else []), *map(",".join, rows)]).encode() + b"\n"


def test_every_column_lands_in_its_place() -> None:
    frame = frame_from_csv(csv([row(3)]), WINDOW)
    assert [getattr(frame, name).tolist() for name in ("time", "trade_count")] == [[START + 3 * MINUTE_MS], [17]]
    assert [frame.open[0], frame.high[0], frame.low[0], frame.close[0]] == [0.1223, 0.1230, 0.1220, 0.1225]
    assert [frame.volume[0], frame.quote_volume[0]] == [33013.0, 4037.4899]
    assert [frame.taker_buy_volume[0], frame.taker_buy_quote_volume[0]] == [12000.5, 1467.6]


def test_a_file_without_a_header_reads_the_same() -> None:
    rows = [row(0), row(1)]
    assert frame_from_csv(csv(rows, header=False), WINDOW) == frame_from_csv(csv(rows), WINDOW)


def test_a_file_without_a_last_newline_reads_the_same() -> None:
    data = csv([row(0), row(1)])
    assert frame_from_csv(data.rstrip(b"\n"), WINDOW) == frame_from_csv(data, WINDOW)


def test_windows_line_ends_read_the_same() -> None:
    data = csv([row(0), row(1)])
    assert frame_from_csv(data.replace(b"\n", b"\r\n"), WINDOW) == frame_from_csv(data, WINDOW)


def test_a_header_alone_is_an_empty_frame() -> None:
    assert len(frame_from_csv(csv([]), WINDOW)) == 0


def test_microseconds_become_milliseconds() -> None:
    micro = row(1, open_time=f"{START + MINUTE_MS}000", close_time=f"{START + 2 * MINUTE_MS - 1}999")
    assert frame_from_csv(csv([micro]), WINDOW) == frame_from_csv(csv([row(1)]), WINDOW)


def test_microseconds_inside_a_minute_are_refused() -> None:
    with pytest.raises(BadCell) as refusal:
        frame_from_csv(csv([row(0, open_time=f"{START}001")]), WINDOW)
    assert refusal.value.column == "open_time"


def test_a_minute_without_a_trade_is_valid() -> None:
    flat = row(
        0,
        high="0.1223",
        low="0.1223",
        close="0.1223",
        volume="0",
        quote_volume="0",
        count="0",
        taker_buy_volume="0",
        taker_buy_quote_volume="0",
    )
    assert frame_from_csv(csv([flat]), WINDOW).volume.tolist() == [0.0]


def test_rows_come_back_in_order() -> None:
    shuffled = frame_from_csv(csv([row(2), row(0, close="0.1226"), row(1)]), WINDOW)
    assert shuffled == frame_from_csv(csv([row(0, close="0.1226"), row(1), row(2)]), WINDOW)


def test_a_row_repeated_exactly_is_kept_once() -> None:
    assert frame_from_csv(csv([row(0), row(1), row(0), row(0)]), WINDOW) == frame_from_csv(
        csv([row(0), row(1)]), WINDOW
    )


def test_two_different_rows_for_one_minute_refuse_the_file() -> None:
    with pytest.raises(ConflictingRows) as refusal:
        frame_from_csv(csv([row(0), row(1), row(1, count="18")]), WINDOW)
    assert refusal.value.time == START + MINUTE_MS


@pytest.mark.parametrize("minute", [-1, 10])
def test_a_row_outside_the_window_refuses_the_file(minute: int) -> None:
    with pytest.raises(OutsideWindow) as refusal:
        frame_from_csv(csv([row(0), row(minute)]), WINDOW)
    assert (refusal.value.row, refusal.value.time) == (3, START + minute * MINUTE_MS)


NUMBERS_THAT_ARE_NONE = [
    "",
    " ",
    "abc",
    "1.5 ",
    " 1.5",
    '"1.5"',
    "1e5",
    "0x10",
    "1_0",
    "+1.5",
    "-",
    "1.5abc",
    "null",
    "٣",
]


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("value", [*NUMBERS_THAT_ARE_NONE, "nan", "NaN", "inf", "-inf", "Infinity", "9" * 400])
@pytest.mark.parametrize("column", ["open", "volume", "taker_buy_quote_volume"])
def test_a_decimal_cell_that_is_no_number_refuses_the_file(value: str, column: str, header: bool) -> None:
    with pytest.raises(BadCell) as refusal:
        frame_from_csv(csv([row(0), row(1, **{column: value}), row(2)], header=header), WINDOW)
    assert (refusal.value.row, refusal.value.column) == (3 if header else 2, column)


@pytest.mark.parametrize("value", [*NUMBERS_THAT_ARE_NONE, "1.0", "9" * 20, "-1", "4294967296"])
def test_a_count_that_the_table_cannot_hold_refuses_the_file(value: str) -> None:
    with pytest.raises(BadCell) as refusal:
        frame_from_csv(csv([row(0), row(1, count=value)]), WINDOW)
    assert (refusal.value.row, refusal.value.column) == (3, "count")


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"open_time": str(START + 1)}, "open_time"),
        ({"open_time": "0"}, "close_time"),
        ({"close_time": str(START + 60_000)}, "close_time"),
        ({"low": "0"}, "low"),
        ({"close": "-0.1225"}, "close"),
        ({"high": "0.1222"}, "high"),
        ({"high": "0.1220", "low": "0.1230"}, "high"),
        ({"low": "0.1224"}, "low"),
        ({"volume": "-1"}, "volume"),
        ({"quote_volume": "-0.1"}, "quote_volume"),
        ({"taker_buy_volume": "33013.1"}, "taker_buy_volume"),
        ({"ignore": "x"}, "ignore"),
        ({"ignore": ""}, "ignore"),
    ],
)
def test_a_row_that_contradicts_itself_refuses_the_file(cells: dict[str, str], column: str) -> None:
    with pytest.raises(BadCell) as refusal:
        frame_from_csv(csv([row(1), row(0, **cells)]), WINDOW)
    assert (refusal.value.row, refusal.value.column) == (3, column)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-20],  # cut in the middle of the last row
        lambda data: data[:-3] + b"\n",  # the last cell is gone
        lambda data: data[:-1] + b",\n",
        lambda data: data[:-1] + b",",
        lambda data: data[:-1] + b",9\n",
        lambda data: data + b"\n",
        lambda data: data + b"\x00",
        lambda data: data.replace(b"\n", b"\n\n", 2),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"open,high", b"high,open"),
        lambda data: data.replace(b",ignore", b""),
        lambda data: data.replace(b",", b";"),
        lambda data: b"<html><body>Service Unavailable</body></html>",
        lambda data: b"",
    ],
)
def test_a_damaged_text_refuses_the_file(damage: object) -> None:
    assert callable(damage)
    with pytest.raises(RefusedData):
        frame_from_csv(damage(csv([row(0), row(1)])), WINDOW)


def test_the_refusal_shows_row_column_and_value() -> None:
    with pytest.raises(BadCell, match=r"row 2, column open: 'abc' is not a plain decimal number"):
        frame_from_csv(csv([row(0, open="abc")]), WINDOW)


decimals = st.decimals(min_value=0, max_value=10**9, places=5, allow_nan=False, allow_infinity=False)
prices = st.decimals(min_value=Decimal("0.00001"), max_value=10**8, places=5, allow_nan=False, allow_infinity=False)


@st.composite
def truthful_rows(draw: st.DrawFn) -> list[Row]:
    minutes = draw(st.sets(st.integers(0, 9), max_size=10))
    rows = []
    for minute in minutes:
        low, first, last, high = sorted(draw(st.tuples(prices, prices, prices, prices)))
        taker, volume = sorted(draw(st.tuples(decimals, decimals)))
        rows.append(
            row(
                minute,
                open=str(first),
                high=str(high),
                low=str(low),
                close=str(last),
                volume=str(volume),
                taker_buy_volume=str(taker),
                quote_volume=str(draw(decimals)),
                count=str(draw(st.integers(0, 2**31 - 1))),
            )
        )
    return draw(st.permutations(rows))


def plain(cells: Row) -> Row:
    """Decimal prints small numbers with an exponent; the archive never does."""
    return [f"{Decimal(cell):f}" for cell in cells]


@given(truthful_rows(), st.booleans())
def test_what_is_written_is_read_back_exactly(rows: list[Row], header: bool) -> None:
    frame = frame_from_csv(csv([plain(cells) for cells in rows], header=header), WINDOW) if rows or header else None
    if frame is None:
        return
    expected = sorted(rows, key=lambda cells: int(cells[0]))
    assert frame.time.tolist() == [int(cells[0]) for cells in expected]
    assert frame.trade_count.tolist() == [int(cells[8]) for cells in expected]
    for position, column in ((1, "open"), (2, "high"), (3, "low"), (4, "close"), (5, "volume"), (7, "quote_volume")):
        assert getattr(frame, column).tolist() == [float(cells[position]) for cells in expected]


@given(st.decimals(min_value=Decimal("0.00001"), max_value=Decimal("9999999999.99999"), places=5))
def test_fifteen_digits_come_back_unchanged(amount: Decimal) -> None:
    frame = frame_from_csv(csv([row(0, quote_volume=f"{amount:f}")]), WINDOW)
    assert Decimal(f"{frame.quote_volume[0]:.5f}") == amount


@given(st.binary(max_size=200))
def test_noise_is_refused_and_nothing_else_is_raised(noise: bytes) -> None:
    with pytest.raises(RefusedData):
        frame_from_csv(csv([row(0)]) + b"#" + noise, WINDOW)


def test_the_arrays_have_the_types_of_the_domain() -> None:
    frame = frame_from_csv(csv([row(0)]), WINDOW)
    assert frame.time.dtype == np.int64
    assert frame.trade_count.dtype == np.int64
    assert frame.open.dtype == np.float64
