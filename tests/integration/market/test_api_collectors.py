"""GET and POST /api/collectors."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from market.models import LEASE, Collector, CollectorShard, CollectorWish
from market.services.collectors import collectors_shutdown
from market.signals import collector_wish_changed

pytestmark = pytest.mark.django_db


def post(client: Client, body: object) -> Any:
    return client.generic("POST", "/api/collectors", json.dumps(body).encode(), content_type="application/json")


def test_without_a_collector_the_list_is_empty(client: Client) -> None:
    assert client.get("/api/collectors").json() == {"success": True, "data": [], "error": None}


def test_collectors_are_listed_as_the_status_lists_them(client: Client) -> None:
    collector = Collector.objects.create(host="here", pid=7, is_connected=True, connections=1, symbols=3)
    CollectorShard.objects.create(number=5, holder=collector)
    listed = client.get("/api/collectors").json()["data"]
    assert [(entry["host"], entry["pid"], entry["symbols"], entry["shards"]) for entry in listed] == [
        ("here", 7, 3, [5])
    ]
    assert listed == client.get("/api/status").json()["data"]["collectors"]


def test_a_collector_that_has_not_been_heard_of_is_not_listed(client: Client) -> None:
    Collector.objects.create(host="gone", pid=7, seen_at=Now() - LEASE - dt.timedelta(seconds=1))
    assert client.get("/api/collectors").json()["data"] == []


def test_shutdown_is_wished_and_answered(client: Client) -> None:
    response = post(client, {"action": "shutdown"})
    wish = CollectorWish.objects.get()
    assert (response.status_code, wish.is_running) == (200, False)
    assert response.json()["data"] == {
        "is_running": False,
        "generation": 0,
        "updated_at": round(wish.updated_at.timestamp() * 1_000_000) // 1_000,
    }


def test_start_lets_collectors_run_again_without_a_restart(client: Client) -> None:
    collectors_shutdown()
    data = post(client, {"action": "start"}).json()["data"]
    assert (data["is_running"], data["generation"]) == (True, 0)
    assert CollectorWish.objects.get().is_running


def test_each_restart_is_a_new_generation_that_runs(client: Client) -> None:
    post(client, {"action": "restart"})
    collectors_shutdown()
    data = post(client, {"action": "restart"}).json()["data"]
    assert (data["is_running"], data["generation"]) == (True, 2)
    assert CollectorWish.objects.get().generation == 2


@pytest.mark.django_db(transaction=True)
def test_collectors_are_told_after_the_commit(client: Client) -> None:
    told: list[bool] = []

    def listener(**_: object) -> None:
        told.append(CollectorWish.objects.get().is_running)

    collector_wish_changed.connect(listener)
    try:
        post(client, {"action": "shutdown"})
    finally:
        collector_wish_changed.disconnect(listener)
    assert told == [False]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "action: "),
        ({"action": None}, "action: "),
        ({"action": ""}, "action: expected one of restart, shutdown, start, not ''"),
        ({"action": "stop"}, "action: expected one of restart, shutdown, start, not 'stop'"),
        ({"action": "Restart"}, "action: expected one of restart, shutdown, start, not 'Restart'"),
        ({"action": True}, "action: expected one of restart, shutdown, start, not True"),
        ({"action": ["restart"]}, "action: expected one of restart, shutdown, start, not ['restart']"),
        ({"action": {"restart": 1}}, "action: expected one of restart, shutdown, start, not {'restart': 1}"),
        (["restart"], "body: "),
        ("restart", "body: "),
        (None, "body: "),
    ],
)
def test_a_bad_action_is_400_with_the_name_of_what_is_wrong_and_wishes_nothing(
    client: Client, body: object, error: str
) -> None:
    response = post(client, body)
    assert response.status_code == 400
    assert response.json()["error"].startswith(error)
    assert not CollectorWish.objects.exists()


def test_other_methods_are_405(client: Client) -> None:
    assert client.delete("/api/collectors").status_code == 405
