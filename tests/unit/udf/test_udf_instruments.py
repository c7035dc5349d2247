"""Names of instruments, their steps and what charts are told about them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.selectors.quotes import ChartSymbol
from udf.instruments import FINEST, Instrument, Scale, Series, Ticker, finest_step, search, symbol_info, symbol_table

BTC: Final = ChartSymbol(
    1, "BTCUSDT", "PERPETUAL", "BTC", "USDT", Decimal("0.100000000000"), Decimal("0.001000000000"), is_tracked=True
)
ETH: Final = replace(BTC, id=2, name="ETHUSDT", base_asset="ETH")
OLD: Final = replace(BTC, id=3, name="BTCDOMUSDT", base_asset="BTCDOM", is_tracked=False)


def instrument(symbol: ChartSymbol = BTC, series: Series = Series.PRICE) -> Instrument:
    assert symbol.tick_size is not None
    assert symbol.step_size is not None
    return Instrument(symbol, series, symbol.tick_size, symbol.step_size)


@pytest.mark.parametrize(
    ("step", "pricescale", "minmov", "decimals"),
    [
        ("0.10", 10, 1, 1),
        ("0.5", 10, 5, 1),
        ("0.00001", 100_000, 1, 5),
        ("0.25", 100, 25, 2),
        ("0.0000001", 10_000_000, 1, 7),
        ("1", 1, 1, 0),
        ("10", 1, 10, 0),
        ("0.000000000001", 10**12, 1, 12),
    ],
)
def test_steps_are_counted_as_charts_count_them(step: str, pricescale: int, minmov: int, decimals: int) -> None:
    assert Scale.of(Decimal(step)) == Scale(pricescale, minmov, decimals)


@given(st.integers(1, 10**6), st.integers(-12, 3))
def test_a_scale_is_its_step_exactly(units: int, exponent: int) -> None:
    step = Decimal(units).scaleb(exponent)
    scale = Scale.of(step)
    assert Decimal(scale.minmov) / scale.pricescale == step
    assert scale.pricescale == 10**scale.decimals


@given(st.lists(st.tuples(st.integers(1, 10**9), st.integers(-8, 2)), min_size=1))
def test_every_value_is_a_multiple_of_the_finest_step(parts: list[tuple[int, int]]) -> None:
    values = [float(Decimal(units).scaleb(exponent)) for units, exponent in parts]
    step = finest_step(values)
    assert all(Decimal(repr(value)) % step == 0 for value in values)
    assert step == 1 or any(Decimal(repr(value)) % (step * 10) != 0 for value in values)


def test_without_a_value_the_finest_step_is_taken() -> None:
    assert finest_step([]) == FINEST


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("BTCUSDT", Ticker("BTCUSDT", Series.PRICE)),
        ("btcusdt", Ticker("BTCUSDT", Series.PRICE)),
        ("BINANCE:BTCUSDT", Ticker("BTCUSDT", Series.PRICE)),
        ("binance:btcusdt#nv", Ticker("BTCUSDT", Series.NET_VOLUME)),
        ("BTCUSDT#TBV", Ticker("BTCUSDT", Series.TAKER_BUY_VOLUME)),
        ("BTCUSDT#X", Ticker("BTCUSDT#X", Series.PRICE)),
        ("NYSE:MSFT", Ticker("NYSE:MSFT", Series.PRICE)),
        ("币安人生usdt", Ticker("币安人生USDT", Series.PRICE)),
        ("#NV", Ticker("", Series.NET_VOLUME)),
    ],
)
def test_a_ticker_is_a_symbol_and_a_series_of_it(text: str, expected: Ticker) -> None:
    assert Ticker.parse(text) == expected


def test_a_price_is_described_by_the_exchanges_steps() -> None:
    info = symbol_info(instrument())
    assert info == {
        "name": "BTCUSDT",
        "ticker": "BTCUSDT",
        "description": "BTC / USDT Perpetual",
        "type": "crypto",
        "exchange": "BINANCE",
        "listed_exchange": "BINANCE",
        "session": "24x7",
        "timezone": "Etc/UTC",
        "format": "price",
        "pricescale": 10,
        "minmov": 1,
        "has_intraday": True,
        "intraday_multipliers": ["1", "5", "15", "60", "240"],
        "has_daily": True,
        "has_weekly_and_monthly": True,
        "supported_resolutions": ["1", "5", "15", "60", "240", "1D", "1W", "1M"],
        "visible_plots_set": "ohlcv",
        "volume_precision": 3,
        "data_status": "streaming",
        "currency_code": "USDT",
    }


@pytest.mark.parametrize("series", [Series.NET_VOLUME, Series.TAKER_BUY_VOLUME])
def test_a_volume_series_is_one_line_on_the_volumes_scale(series: Series) -> None:
    info = symbol_info(instrument(series=series))
    assert info["name"] == info["ticker"] == f"BTCUSDT{series.value}"
    assert (info["visible_plots_set"], info["pricescale"], info["minmov"]) == ("c", 1_000, 1)
    assert "currency_code" not in info


@pytest.mark.parametrize("series", Series)
def test_a_description_never_has_the_key_that_means_failure(series: Series) -> None:
    assert "s" not in symbol_info(instrument(series=series))


def test_a_symbol_of_which_the_list_says_nothing_is_described_by_its_name() -> None:
    unlisted = replace(BTC, contract_type="", base_asset="", quote_asset="")
    info = symbol_info(instrument(unlisted))
    assert info["description"] == "BTCUSDT"
    assert "currency_code" not in info


def test_a_table_has_one_row_for_each_instrument() -> None:
    table = symbol_table([instrument(BTC), instrument(replace(ETH, tick_size=Decimal("0.5")))])
    assert table["symbol"] == ["BTCUSDT", "ETHUSDT"]
    assert table["pricescale"] == [10, 10]
    assert table["minmovement"] == [1, 5]
    assert table["volume-precision"] == [3, 3]
    assert table["timezone"] == "Etc/UTC"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["BTCUSDT", "ETHUSDT", "BTCDOMUSDT"]),
        ("BTC", ["BTCUSDT", "BTCDOMUSDT"]),
        ("USDT", ["BTCUSDT", "ETHUSDT", "BTCDOMUSDT"]),
        ("binance:eth", ["ETHUSDT"]),
        ("eth / usdt", ["ETHUSDT"]),
        ("BTCUSDT#", ["BTCUSDT#NV", "BTCUSDT#TBV"]),
        ("#NV", ["BTCUSDT#NV", "ETHUSDT#NV", "BTCDOMUSDT#NV"]),
        ("XRP", []),
    ],
)
def test_a_search_finds_by_name_and_description_what_is_tracked_first(query: str, expected: list[str]) -> None:
    assert [symbol.name + series.value for symbol, series in search([OLD, ETH, BTC], query)] == expected
