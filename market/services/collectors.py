"""Who streams what, and what the operator wants of the collectors.

Symbols are divided into shards by their id. A collector leases shards for a few seconds at a time, by the database's
clock, so that machines need not agree about the time. Shards are shared out evenly among the collectors that are alive.

Into how many shards is a setting of each collector, and machines may differ in it: then some symbols would be streamed
twice and others by nobody. So the number of the collector that has run longest counts for all. A new number counts once
every collector that has the old one has ended.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from market.models import LEASE, Collector, CollectorShard, CollectorWish
from market.signals import collector_wish_changed

# What a collector that was killed has left behind is removed after this time.
_FORGOTTEN: Final = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a collector says of itself."""

    host: str
    pid: int
    is_connected: bool = False
    connections: int = 0
    symbols: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """What a collector learns at its turn: the shards that are its own now, those of them that it should give back
    because others have too few, into how many shards the symbols are divided, and the wish."""

    shards: frozenset[int]
    surplus: frozenset[int]
    shard_count: int
    is_wanted: bool
    generation: int


def collector_turn(*, collector: UUID, facts: Facts, shard_count: int) -> Turn:
    """Say that the collector is alive, renew its leases and take free shards up to its fair share. `shard_count` is its
    own setting; the number that counts is in the answer.

    To be called at least three times within `LEASE`. A lease that has run out stays its holder's until somebody else
    takes it, so a database that was away takes nothing from anybody by itself.
    """
    wish, _ = CollectorWish.objects.get_or_create(id=1)
    with transaction.atomic():
        Collector.objects.update_or_create(
            id=collector,
            defaults={
                "host": facts.host[:255],
                "pid": facts.pid,
                "seen_at": Now(),
                "is_active": wish.is_running,
                "is_connected": facts.is_connected,
                "connections": facts.connections,
                "symbols": facts.symbols,
                "shard_count": shard_count,
            },
        )
    mine = CollectorShard.objects.filter(holder_id=collector)
    if not wish.is_running:
        mine.update(holder=None)
        return Turn(frozenset(), frozenset(), shard_count, is_wanted=False, generation=wish.generation)
    alive = Collector.objects.filter(is_active=True, seen_at__gt=Now() - LEASE)
    counts = list(alive.order_by("started_at", "id").values_list("shard_count", flat=True)) or [shard_count]
    shard_count = counts[0]
    _make_shards(shard_count)
    mine.filter(number__gte=shard_count).update(holder=None)
    mine.update(expires_at=Now() + LEASE)
    fair = -(-shard_count // len(counts))
    held = set(mine.values_list("number", flat=True))
    held |= _take(collector, shard_count, fair - len(held))
    return Turn(
        shards=frozenset(held),
        surplus=frozenset(sorted(held)[fair:]),
        shard_count=shard_count,
        is_wanted=True,
        generation=wish.generation,
    )


def shards_release(*, collector: UUID, shards: Collection[int]) -> None:
    """Give shards back; those that are another's by now stay his."""
    CollectorShard.objects.filter(holder_id=collector, number__in=shards).update(holder=None)


def collector_leave(*, collector: UUID) -> None:
    """The collector ends: its shards are free at once. Also removes what killed ones have left behind long ago."""
    with transaction.atomic():
        CollectorShard.objects.filter(holder_id=collector).update(holder=None)
        Collector.objects.filter(Q(id=collector) | Q(seen_at__lt=Now() - _FORGOTTEN)).delete()


def collectors_restart() -> CollectorWish:
    """Wish that every collector starts anew; one that stands still runs again. The wish as it is now."""
    return _wish(is_running=True, generation=F("generation") + 1)


def collectors_shutdown() -> CollectorWish:
    """Wish that every collector stands still: it stores what it has, gives its shards back and waits. The wish as it
    is now."""
    return _wish(is_running=False)


def collectors_start() -> CollectorWish:
    """Wish that collectors run. The wish as it is now."""
    return _wish(is_running=True)


def _wish(**values: object) -> CollectorWish:
    with transaction.atomic():
        CollectorWish.objects.get_or_create(id=1)
        CollectorWish.objects.filter(id=1).update(**values, updated_at=Now())
        # Read under the row's lock: another's wish cannot come between.
        wish = CollectorWish.objects.get(id=1)
        transaction.on_commit(lambda: collector_wish_changed.send(sender=CollectorWish))
    return wish


def _make_shards(count: int) -> None:
    if CollectorShard.objects.filter(number__lt=count).count() < count:
        CollectorShard.objects.bulk_create(
            [CollectorShard(number=number) for number in range(count)], ignore_conflicts=True
        )


def _take(collector: UUID, count: int, room: int) -> set[int]:
    """Take up to `room` shards that nobody holds or whose lease has run out."""
    if room <= 0:
        return set()
    with transaction.atomic():
        free = (
            CollectorShard.objects.select_for_update(skip_locked=True)
            .filter(Q(holder=None) | Q(expires_at__lt=Now()), number__lt=count)
            .exclude(holder_id=collector)
            .order_by("number")[:room]
        )
        numbers = {shard.number for shard in free}
        CollectorShard.objects.filter(number__in=numbers).update(holder_id=collector, expires_at=Now() + LEASE)
    return numbers
