"""Asking for long pieces of work over the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from market.models import Job, Symbol
from market.services.jobs import job_end, job_take

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _bitcoin() -> None:
    Symbol.objects.create(name="BTCUSDT", is_tracked=True)


def wish(client: Client, **body: object) -> Any:
    return client.post("/api/jobs", body, content_type="application/json")


def test_a_job_is_asked_for_and_followed_to_its_end(client: Client) -> None:
    answer = wish(client, symbol="btcusdt", kind="repair")
    assert answer.status_code == 200
    assert answer.json()["data"]["state"] == "waiting"

    job = job_take()
    assert job is not None
    job_end(job=job, state=Job.State.DONE, text="nothing was missing")

    (followed,) = client.get("/api/jobs", {"symbol": "BTCUSDT"}).json()["data"]
    assert followed["id"] == answer.json()["data"]["id"]
    assert (followed["kind"], followed["state"], followed["is_open"]) == ("repair", "done", False)
    assert followed["text"] == "nothing was missing"
    assert followed["wished_at"] <= followed["started_at"] <= followed["ended_at"]


def test_a_second_job_on_a_symbol_is_refused_while_the_first_is_open(client: Client) -> None:
    wish(client, symbol="BTCUSDT", kind="verify")
    answer = wish(client, symbol="BTCUSDT", kind="repair")
    assert answer.status_code == 409
    assert answer.json()["error"].startswith("symbol: BTCUSDT has “verify”")
    assert Job.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status", "begin"),
    [
        ({"symbol": "BTCUSDT", "kind": "destroy"}, 400, "kind: expected one of load, repair, verify, correct"),
        ({"symbol": "BTCUSDT"}, 400, "kind: "),
        ({"kind": "repair"}, 400, "symbol: "),
        ({"symbol": "NOPEUSDT", "kind": "repair"}, 404, "symbol: 'NOPEUSDT' is not known"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_with_the_reason(
    client: Client, body: dict[str, object], status: int, begin: str
) -> None:
    answer = wish(client, **body)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(begin)
    assert not Job.objects.exists()


def test_the_list_is_of_one_symbol_alone(client: Client) -> None:
    Symbol.objects.create(name="ETHUSDT")
    wish(client, symbol="ETHUSDT", kind="load")
    assert client.get("/api/jobs", {"symbol": "BTCUSDT"}).json()["data"] == []
    assert client.get("/api/jobs").status_code == 400
