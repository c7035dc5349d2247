"""The judge of all these tests sees one wrong digit, one missing row and one wrong count."""

from __future__ import annotations

import pytest

from tests.support.database import query
from tests.support.loading import Loader, days

BTC = "BTCUSDT"
WINDOW = days("2024-02-04", "2024-02-05")


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ("UPDATE candle_1m SET close = close * (1 + 2e-16) WHERE time = '2024-02-04 10:00Z'", "1m: .* 1 wrong"),
        ("UPDATE candle_1m SET trade_count = trade_count + 1 WHERE time = '2024-02-04 10:00Z'", "1m: .* 1 wrong"),
        ("DELETE FROM candle_1m WHERE time = '2024-02-05 00:00Z'", "1m: .* 1 missing"),
        ("UPDATE candle_1m SET time = '2024-02-06 00:00Z' WHERE time = '2024-02-05 23:59Z'", "1 too many"),
        ("UPDATE candle_4h SET volume = volume * (1 + 3e-16) WHERE time = '2024-02-04 08:00Z'", "4h: .* 1 wrong"),
        ("DELETE FROM candle_1w WHERE time = '2024-02-05 00:00Z'", "1w: .* 1 missing"),
        ("UPDATE candle_1mo SET low = low / 2", "1M: .* 1 wrong"),
        ("UPDATE candle_1m SET source = 2 WHERE time = '2024-02-05 00:00Z'", "the ledger counts"),
        ("UPDATE market_ledgerday SET state = 'live' WHERE day = '2024-02-05'", "is live, should be archive"),
        ("UPDATE market_ledgerday SET expected = 1439 WHERE day = '2024-02-05'", "expects 1439"),
        ("DELETE FROM market_ledgerday WHERE day = '2024-02-05'", "not in the ledger"),
    ],
)
def test_the_judge_sees(loader: Loader, damage: str, complaint: str) -> None:
    loader.load(WINDOW, BTC)
    loader.assert_truth(WINDOW, BTC)
    query(f"WITH damaged AS ({damage} RETURNING 1) SELECT count(*) FROM damaged")  # noqa: S608
    with pytest.raises(AssertionError, match=complaint):
        loader.assert_truth(WINDOW, BTC)
