"""The database or Redis goes away and comes back: the stream goes on, and nothing is missing afterwards."""

from __future__ import annotations

from django.conf import settings
from redis import Redis

from market.domain.window import MINUTE_MS
from market.tail import tail_read
from tests.integration.live.conftest import Staging
from tests.support.database import no_database
from tests.support.eventually import eventually
from tests.support.live import Hub


def test_minutes_wait_while_the_database_is_away(staging: Staging, hub: Hub) -> None:
    with staging(["BTCUSDT", "ETHUSDT"]) as stage:
        stage.collector()
        stage.assert_complete("BTCUSDT", "ETHUSDT", minutes=1, within=30)
        with no_database():
            away_from = stage.minute()
            # The hubs notice nothing.
            eventually(
                lambda: len({candle.time for candle in hub.closed("ETHUSDT") if candle.time >= away_from}) >= 4,
                within=30,
            )
        minutes = (stage.minute() - stage.first_whole) // MINUTE_MS
        stage.assert_complete("BTCUSDT", "ETHUSDT", minutes=minutes, within=30)
        (record,) = stage.exchange.connections.records()
        assert record.is_open, "the outage has reached the stream"


def test_minutes_are_stored_while_redis_does_not_answer(staging: Staging, hub: Hub) -> None:
    with staging(["BTCUSDT"]) as stage, Redis.from_url(settings.REDIS_URL) as redis:
        stage.collector()
        stage.assert_complete("BTCUSDT", minutes=1, within=30)
        paused_at = stage.minute()
        redis.client_pause(10_000)
        stored_meanwhile = (paused_at - stage.first_whole) // MINUTE_MS + 2
        stage.assert_complete("BTCUSDT", minutes=stored_meanwhile, within=15)
        redis.client_unpause()
        end = stage.minute()
        eventually(lambda: {candle.time for candle in hub.closed()} >= set(range(paused_at, end, MINUTE_MS)), within=20)
        eventually(lambda: (tail := tail_read("BTCUSDT")) and tail[-1].time >= end, within=20)
