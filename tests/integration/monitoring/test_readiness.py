"""/healthz and /readyz tell the truth while services come and go."""

from __future__ import annotations

import time
from contextlib import suppress

import httpx
import psycopg
import pytest

from tests.integration.monitoring.conftest import Product
from tests.support.eventually import eventually


def within_two_seconds(product: Product, path: str) -> httpx.Response:
    begun = time.monotonic()
    answer = product.get(path)
    assert time.monotonic() - begun < 2.0
    return answer


def test_every_check_is_named_with_its_reason(product: Product) -> None:
    # Whoever came before may have ended a service, which is back in a moment.
    eventually(product.is_ready, within=20)
    answer = product.get("/readyz")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["status"] == "ready"
    checks = {check["name"]: check["reason"] for check in answer.json()["checks"]}
    assert checks == {
        "database": "answers",
        "redis": "answers",
        "migrations": "all applied",
        "collector": "no symbol is tracked that trades",
    }


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_may_call_the_server_by_any_name(product: Product, path: str) -> None:
    assert product.get(path, headers={"Host": "10.1.2.3:8080"}).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_only_reading_is_answered(product: Product, path: str) -> None:
    answer = httpx.post(product.web.url + path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    head = httpx.head(product.web.url + path)
    assert (head.status_code, head.content) == (200, b"")


def test_a_check_may_be_left_out_and_an_unknown_one_is_refused(product: Product) -> None:
    answer = product.get("/readyz?exclude=collector,redis")
    assert [check["name"] for check in answer.json()["checks"]] == ["database", "migrations"]
    refused = product.get("/readyz?exclude=kitchen")
    assert (refused.status_code, set(refused.json())) == (400, {"error"})


def test_a_killed_database_is_told_and_its_return(product: Product) -> None:
    product.instance.postgres.kill()
    try:
        assert within_two_seconds(product, "/healthz").status_code == 200
        eventually(lambda: set(product.ready()[1]) == {"database", "migrations", "collector"})
        answer = within_two_seconds(product, "/readyz")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "2"
    finally:
        product.instance.postgres.start()
    eventually(product.is_ready, within=10)


def test_a_database_that_hangs_holds_nothing_up(product: Product) -> None:
    with product.hanging_database():
        # The threads that serve views are all caught in it, each for as long as it waits for the database.
        for _ in range(6):
            with suppress(httpx.TimeoutException):
                httpx.get(product.web.url + "/api/symbols", timeout=0.2)
        assert within_two_seconds(product, "/healthz").status_code == 200
        eventually(lambda: "database" in product.ready()[1], within=5)
        assert within_two_seconds(product, "/readyz").status_code == 503
        # What was read before is told for a few seconds more.
        down = b'kline_source_up{source="live"} 0.0'
        eventually(lambda: down in within_two_seconds(product, "/metrics").content)
    eventually(product.is_ready, within=10)


def test_a_killed_redis_is_told_and_its_return(product: Product) -> None:
    product.instance.redis.kill()
    try:
        eventually(lambda: set(product.ready()[1]) == {"redis"})
        assert within_two_seconds(product, "/readyz").status_code == 503
    finally:
        product.instance.redis.start()
    eventually(product.is_ready, within=10)


def test_a_schema_that_is_behind_is_told(product: Product) -> None:
    product.execute("UPDATE django_migrations SET name = 'x' || name WHERE app = 'market' AND name LIKE '0004%'")
    try:
        eventually(lambda: "market.0004" in product.ready()[1].get("migrations", ""))
    finally:
        product.execute("UPDATE django_migrations SET name = ltrim(name, 'x') WHERE app = 'market'")
    eventually(product.is_ready)


@pytest.mark.usefixtures("tracking")
def test_a_tracked_symbol_wants_a_collector_with_fresh_data(product: Product) -> None:
    eventually(lambda: "no collector is running" in product.ready()[1].get("collector", ""))
    with product.collector() as collector:
        eventually(product.is_ready, within=40)
        eventually(lambda: '"1 symbols are fresh' in product.get("/readyz").text, within=20)
        collector.kill()
        eventually(lambda: set(product.ready()[1]) == {"collector"}, within=20)


@pytest.mark.usefixtures("tracking")
def test_collectors_that_stand_still_as_wished_are_no_fault(product: Product) -> None:
    product.execute(
        "INSERT INTO market_collectorwish (id, is_running, generation, updated_at) VALUES (1, false, 0, now())"
        " ON CONFLICT (id) DO UPDATE SET is_running = false"
    )
    try:
        eventually(product.is_ready)
    finally:
        product.execute("UPDATE market_collectorwish SET is_running = true")


def test_no_reason_tells_where_the_services_are(product: Product) -> None:
    product.instance.redis.kill()
    try:
        eventually(lambda: "redis" in product.ready()[1])
        text = product.get("/readyz").text
    finally:
        product.instance.redis.start()
    assert "127.0.0.1" not in text
    assert str(psycopg.conninfo.conninfo_to_dict(product.services.database_url)["host"]) not in text
    eventually(product.is_ready, within=10)
