"""A database that goes away: every statement on candles says so in the one way that a load knows to wait for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from market.domain.batch import CandleBatch
from market.domain.interval import Interval
from market.domain.source import Source
from market.services.candles import candles_ingest
from market.store import candles
from tests.support.candles import load, make_symbol, ms, random_frame

pytestmark = pytest.mark.django_db(transaction=True)

START = ms("2024-02-03")


def cut_the_connection() -> None:
    """As the server does when it is shut down or killed."""
    backend = connection.connection.info.backend_pid
    parameters = connection.get_connection_params()
    keep = {name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if parameters.get(name)}
    with psycopg.connect(**keep, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])


@pytest.mark.parametrize("when", ["lock_symbols", "exists", "encode", "read"])
def test_a_connection_lost_at_any_step_of_a_write_is_djangos_operational_error(
    monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    symbol = make_symbol()
    load(symbol, random_frame(1, START, 100))
    original: Callable[..., Any] = getattr(candles, when)

    def cut_then_go_on(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(candles, when, original)
        cut_the_connection()
        return original(*args, **kwargs)

    monkeypatch.setattr(candles, when, cut_then_go_on)
    batch = CandleBatch.of(symbol.id, random_frame(2, START + 50 * 60_000, 100))
    with pytest.raises(OperationalError):
        candles_ingest(batch=batch, source=Source.DAILY)
    connection.close()
    assert len(candles.read(Interval.M1, [(symbol.id, Interval.D1.bucket(START))])[0]) == 100


def test_a_bar_that_is_there_already_is_djangos_integrity_error() -> None:
    symbol = make_symbol()
    load(symbol, random_frame(1, START, 100))
    with pytest.raises(IntegrityError), transaction.atomic():
        candles.insert(Interval.M1, CandleBatch.of(symbol.id, random_frame(1, START, 1)), int(Source.DAILY))
