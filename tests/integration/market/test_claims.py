"""Claims on work: one holder at a time, also within a process, and none after the holder's connection has ended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection

from market.domain.window import Month
from market.services.claims import history_runner_claim, history_runner_release, month_claim, month_release
from market.store.claims import _Holder, claim
from tests.support.database import query
from tests.support.eventually import eventually

pytestmark = pytest.mark.django_db(transaction=True)
JANUARY = Month(2024, 1)


@pytest.fixture
def other() -> Iterator[_Holder]:
    """Another process, as far as the server can tell."""
    holder = _Holder()
    yield holder
    for key in list(holder._held):
        holder.release(key)


def holders() -> list[int]:
    """Process ids of the server's side of every connection that holds a claim."""
    rows = query(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return [pid for (pid,) in rows]


def test_what_is_claimed_cannot_be_claimed_again_until_it_is_given_back() -> None:
    assert month_claim(symbol_id=1, month=JANUARY)
    assert not month_claim(symbol_id=1, month=JANUARY)
    assert month_claim(symbol_id=1, month=JANUARY.next())
    assert month_claim(symbol_id=2, month=JANUARY)
    month_release(symbol_id=1, month=JANUARY)
    assert month_claim(symbol_id=1, month=JANUARY)
    for symbol_id, month in ((1, JANUARY), (1, JANUARY.next()), (2, JANUARY)):
        month_release(symbol_id=symbol_id, month=month)
    assert holders() == [], "a connection stays open only while there is a claim"


def test_another_process_is_kept_out(other: _Holder) -> None:
    assert other.claim(7)

    assert not claim(7)


def test_a_claim_outlives_djangos_own_connection() -> None:
    assert history_runner_claim()
    connection.close()
    assert len(holders()) == 1
    history_runner_release()


def test_a_holder_whose_connection_is_killed_has_lost_its_claims_and_may_claim_anew(other: _Holder) -> None:
    assert other.claim(7)
    query("SELECT pg_terminate_backend(%s)", [holders()[0]])
    eventually(lambda: holders() == [])
    with pytest.raises(OperationalError):
        other.claim(8)
    assert other.claim(7)


def test_to_give_back_what_was_lost_is_harmless(other: _Holder) -> None:
    assert other.claim(7)
    query("SELECT pg_terminate_backend(%s)", [holders()[0]])
    eventually(lambda: holders() == [])
    with pytest.raises(OperationalError):
        other.release(7)
    other.release(7)


def test_the_server_asks_soon_after_a_client_that_holds_something(
    other: _Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over a socket of this machine the values are nothing; that they were set in the session can be seen all the
    same."""
    asked = "SELECT count(*) FROM pg_settings WHERE name LIKE 'tcp_keepalives_%' AND source = 'session'"
    assert query(asked) == [(3,)]
    assert other.claim(7)
    assert other._connection is not None
    assert other._connection.execute(asked.encode()).fetchone() == (3,)
