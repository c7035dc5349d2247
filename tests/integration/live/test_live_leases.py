"""Who streams what, by the database."""

from __future__ import annotations

import datetime as dt
from uuid import UUID, uuid4

import pytest
from django.db.models.functions import Now

from feeds.live.database import DatabaseThread
from feeds.live.leases import Leases
from market.models import Collector, CollectorShard
from market.services.collectors import (
    Facts,
    Turn,
    collector_leave,
    collector_turn,
    collectors_restart,
    collectors_shutdown,
    collectors_start,
    shards_release,
)

pytestmark = pytest.mark.django_db

ONE, OTHER = UUID(int=1), UUID(int=2)


def turn(collector: UUID, shards: int = 4) -> Turn:
    return collector_turn(collector=collector, facts=Facts("host", 1), shard_count=shards)


def dies(collector: UUID) -> None:
    """Its lease runs out, and nothing was heard of it since."""
    Collector.objects.filter(id=collector).update(seen_at=Now() - dt.timedelta(seconds=11))
    CollectorShard.objects.filter(holder_id=collector).update(expires_at=Now() - dt.timedelta(seconds=1))


def test_a_lone_collector_has_every_shard() -> None:
    assert turn(ONE).shards == {0, 1, 2, 3}


def test_a_second_one_gets_its_share_once_the_first_has_let_go() -> None:
    turn(ONE)
    assert turn(OTHER).shards == frozenset()
    surplus = turn(ONE).surplus
    assert len(surplus) == 2
    shards_release(collector=ONE, shards=surplus)
    assert turn(OTHER).shards == surplus
    assert turn(ONE).shards.isdisjoint(surplus)
    assert not turn(ONE).surplus


def test_no_shard_has_two_holders_whoever_comes_and_goes() -> None:
    collectors = [uuid4() for _ in range(3)]
    for collector in (*collectors, *collectors, *collectors):
        result = turn(collector, shards=8)
        shards_release(collector=collector, shards=result.surplus)
    held = [turn(collector, shards=8) for collector in collectors]
    assert sorted(number for result in held for number in result.shards) == list(range(8))
    assert max(len(result.shards) for result in held) <= 3


def test_the_shards_of_a_dead_one_are_taken_over() -> None:
    turn(ONE)
    dies(ONE)
    assert turn(OTHER).shards == {0, 1, 2, 3}


def test_who_was_given_up_finds_its_shards_gone() -> None:
    turn(ONE)
    dies(ONE)
    turn(OTHER)
    assert turn(ONE).shards == frozenset()


def test_machines_that_are_set_up_differently_follow_the_one_that_has_run_longest() -> None:
    assert turn(ONE, shards=4).shard_count == 4
    assert turn(OTHER, shards=6).shard_count == 4
    shards_release(collector=ONE, shards=turn(ONE, shards=4).surplus)
    shares = [turn(OTHER, shards=6).shards, turn(ONE, shards=4).shards]
    assert sorted(number for share in shares for number in share) == [0, 1, 2, 3]


@pytest.mark.parametrize("shards", [2, 6])
def test_another_number_counts_once_all_that_have_the_old_one_have_ended(shards: int) -> None:
    turn(ONE, shards=4)
    turn(OTHER, shards=shards)
    collector_leave(collector=ONE)
    result = turn(OTHER, shards=shards)
    assert (result.shard_count, sorted(result.shards)) == (shards, list(range(shards)))


def test_a_lone_collector_with_fewer_shards_holds_none_of_the_old_ones() -> None:
    turn(ONE, shards=6)
    assert turn(ONE, shards=2).shards == {0, 1}
    assert CollectorShard.objects.filter(holder_id=ONE).count() == 2


def test_a_collector_that_follows_another_number_says_once_which_setting_differs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    turn(ONE, shards=4)
    leases = Leases(DatabaseThread("unused"), OTHER, shard_count=6)
    for _ in range(2):
        leases._assignment(Facts("host", 2))
    (warning,) = caplog.messages
    assert warning.startswith("COLLECTOR_SHARDS is 6 here and 4 at the collector that has run longest")


def test_a_lease_that_ran_out_stays_until_somebody_takes_it() -> None:
    turn(ONE)
    dies(ONE)
    assert turn(ONE).shards == {0, 1, 2, 3}


def test_what_is_released_late_stays_with_its_new_holder() -> None:
    turn(ONE)
    dies(ONE)
    turn(OTHER)
    shards_release(collector=ONE, shards=[0, 1, 2, 3])
    assert turn(OTHER).shards == {0, 1, 2, 3}


def test_who_leaves_lets_go_at_once() -> None:
    turn(ONE)
    collector_leave(collector=ONE)
    assert turn(OTHER).shards == {0, 1, 2, 3}
    assert not Collector.objects.filter(id=ONE).exists()


def test_a_wish_to_stand_still_frees_every_shard_until_the_wish_to_run() -> None:
    turn(ONE)
    collectors_shutdown()
    still = turn(ONE)
    assert not still.is_wanted
    assert not still.shards
    collectors_start()
    assert turn(ONE).shards == {0, 1, 2, 3}


def test_a_restart_is_a_new_generation() -> None:
    before = turn(ONE).generation
    collectors_restart()
    assert turn(ONE).generation == before + 1
