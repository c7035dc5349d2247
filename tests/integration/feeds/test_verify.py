"""Verification finds what is wrong, names it, and repairs it when asked to."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync

from feeds.fakebinance.server import FakeExchange
from feeds.verify import verify
from market.domain.window import Month, TimeWindow
from market.models import LedgerDay, Symbol
from market.services.claims import month_claim, month_release
from tests.support.database import query
from tests.support.loading import Loader, days, month
from tests.support.oracle import assert_ledger_agrees

BTC = "BTCUSDT"
FEBRUARY = month("2024-02")


def findings(window: TimeWindow = FEBRUARY, *, daily_files: bool = False, repair: bool = False) -> list[str]:
    symbols = [Symbol.objects.get(name=BTC)]
    found = async_to_sync(verify)(symbols=symbols, limits=window, daily_files=daily_files, repair=repair)
    return [str(finding) for finding in found]


def run_sql(statement: str) -> None:
    assert query(statement + " RETURNING 1"), "the damage hit no row"


@pytest.fixture
def loaded(loader: Loader) -> Loader:
    loader.load(FEBRUARY, BTC)
    assert findings() == []
    return loader


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ("DELETE FROM candle_1m WHERE time = '2024-02-05 12:34+00'", "1 minutes that the source has are not stored"),
        ("UPDATE candle_1m SET close = close + 1 WHERE time = '2024-02-05 12:34+00'", "1 stored minutes differ"),
        ("DELETE FROM candle_1h WHERE time = '2024-02-05 12:00+00'", "1h bars against 15m: 1 missing"),
        (
            "UPDATE candle_1mo SET volume = 1 WHERE time = '2024-02-01+00'",
            "1M bars against 1h: 0 missing, 0 too many, 1",
        ),
        (
            "UPDATE market_ledgerday SET monthly_rows = 7 WHERE day = '2024-02-05'",
            "the ledger has 7 MONTHLY, the table 1440",
        ),
    ],
)
def test_damage_by_hand_is_named_and_repaired(loaded: Loader, damage: str, complaint: str) -> None:
    run_sql(damage)
    assert any(complaint in finding for finding in findings()), findings()
    findings(repair=True)
    assert findings() == []
    loaded.assert_truth(FEBRUARY, BTC)


def test_minutes_that_no_source_has_any_more_are_reported_and_kept(loaded: Loader, exchange: FakeExchange) -> None:
    gone = exchange.faults.add("day_absent", params={"days": ["2024-02-05"]})
    found = findings(repair=True)
    assert any("1440 stored minutes are not at the source" in finding for finding in found), found
    exchange.faults.remove(gone.id)
    loaded.assert_truth(FEBRUARY, BTC)


def test_a_month_of_which_one_source_does_not_answer_is_not_judged(loaded: Loader, exchange: FakeExchange) -> None:
    """Two tiers lack a minute, and the third, which may have it, cannot be asked."""
    for tier in ("monthly", "daily"):
        exchange.faults.add("missing_rows", match={"tier": tier}, params={"rows": [100]})
    exchange.faults.add("rate_limited", match={"kind": "rest.klines"}, params={"retry_after": 3_600})
    found = findings()
    assert any("unanswered" in finding and "too many requests" in finding for finding in found), found
    assert not any("not at the source" in finding for finding in found), found


def test_the_daily_files_reveal_what_the_monthly_one_got_wrong(loader: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("altered", match={"tier": "monthly"}, params={"rows": [5, 1_500]})
    loader.load(FEBRUARY, BTC)
    assert findings() == [], "held against the same file, nothing differs"
    assert ["2 stored minutes differ" in finding for finding in findings(daily_files=True)] == [True]
    findings(daily_files=True, repair=True)
    loader.assert_truth(FEBRUARY, BTC)
    assert LedgerDay.objects.filter(conflict_rows__gt=0).count() == 2
    assert findings() == [], "a better source is stored than the monthly file: no finding"


def test_a_file_that_was_published_anew_is_noticed_and_loaded(loader: Loader, exchange: FakeExchange) -> None:
    fault = exchange.faults.add("reissued", match={"tier": "monthly"}, params={"what": "altered", "rows": [9]}).id
    loader.load(FEBRUARY, BTC)
    exchange.faults.remove(fault)
    found = findings(repair=True)
    assert any("published anew since it was loaded" in finding for finding in found), found
    loader.assert_truth(FEBRUARY, BTC)
    assert findings() == []


def test_a_source_that_does_not_answer_is_a_finding(loaded: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("server_error", match={"kind": "archive.*"}, params={"status": 503})
    assert any("unanswered" in finding and "503" in finding for finding in findings(days("2024-02-01", "2024-02-02")))
    assert_ledger_agrees(BTC)


def test_what_another_worker_has_in_hand_is_not_called_right(loaded: Loader) -> None:
    february = Month(2024, 2)
    symbol = Symbol.objects.get(name=BTC)
    assert month_claim(symbol_id=symbol.id, month=february)
    try:
        assert any("1 months of symbols are being loaded by another worker" in finding for finding in findings())
    finally:
        month_release(symbol_id=symbol.id, month=february)
    assert findings() == []
