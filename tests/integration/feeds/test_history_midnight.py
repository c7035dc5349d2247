"""Days that have just ended: what is not there yet must not be taken for what will never be."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync

from feeds.confirm import history_confirm
from feeds.fakebinance.server import FakeExchange
from tests.support.candles import ms
from tests.support.loading import Loader, days, entry_of

BTC = "BTCUSDT"
DAY = days("2024-04-10", "2024-04-10")


def rest_has_nothing(exchange: FakeExchange) -> None:
    exchange.faults.add("status", match={"kind": "rest.klines"}, params={"status": 200, "body": "[]"})


@pytest.mark.parametrize(("moment", "is_late"), [("2024-04-11T00:00:01", False), ("2024-04-11T00:05:00", True)])
def test_a_day_is_not_settled_in_the_minutes_after_its_end(
    loader: Loader, exchange: FakeExchange, moment: str, *, is_late: bool
) -> None:
    """A minute counts as closed three seconds after its end, and REST itself may be late."""
    exchange.clock.set(ms(moment))
    exchange.clock.freeze()
    if is_late:
        rest_has_nothing(exchange)
    loader.load(DAY, BTC)
    assert entry_of(BTC, "2024-04-10").is_settled is False
    exchange.faults.clear()
    exchange.clock.set(ms("2024-04-11T00:20:00"))
    loader.load(DAY, BTC)
    loader.assert_truth(DAY, BTC)


def test_a_day_of_which_rest_had_nothing_is_filled_by_its_daily_file(loader: Loader, exchange: FakeExchange) -> None:
    """REST was asked hours before the file is published, so its answer is not the last word on the day."""
    exchange.clock.set(ms("2024-04-11T03:00:05"))
    rest_has_nothing(exchange)
    loader.load(DAY, BTC)
    assert entry_of(BTC, "2024-04-10").state == "empty"
    exchange.faults.clear()
    exchange.clock.set(ms("2024-04-11T12:00:05"))
    async_to_sync(history_confirm)()
    loader.assert_truth(DAY, BTC)
