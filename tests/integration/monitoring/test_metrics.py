"""/metrics of a product at work."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings
from redis import Redis

from canvas.tasks import sweep
from feeds.task_counts import counts_read
from market.monitoring.app import Monitoring
from tests.integration.monitoring.conftest import Product
from tests.support.eventually import eventually
from tests.support.push import client

Labels = frozenset[tuple[str, str]]


def scrape(product: Product) -> dict[tuple[str, Labels], float]:
    """Every sample, by its name and labels; each stands there once."""
    answer = product.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(answer.text))
    names = [family.name for family in families]
    assert len(names) == len(set(names)), "a family stands there twice"
    samples = [sample for family in families for sample in family.samples]
    found = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(found) == len(samples)
    return found


def value(samples: Mapping[tuple[str, Labels], float], name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0.0)


def test_requests_are_counted_by_what_they_matched(product: Product) -> None:
    before = scrape(product)
    for symbol in ("BTCUSDT", "NOBODYUSDT"):
        product.get(f"/api/klines/{symbol}")
    product.get("/a/path/that/somebody/invented")
    httpx.request("PROPFIND", product.web.url + "/api/symbols")
    after = scrape(product)

    def grown(**labels: str) -> float:
        name = "kline_http_requests_total"
        return value(after, name, **labels) - value(before, name, **labels)

    assert grown(method="GET", route="/api/klines/<str:symbol>", status="404") == 2
    assert grown(method="GET", route="(none)", status="404") == 1
    assert grown(method="other", route="/api/symbols", status="405") == 1
    seconds = "kline_http_request_seconds_count"
    assert value(after, seconds, method="GET", route="/api/klines/<str:symbol>") >= 2
    assert not [labels for _, labels in after if "invented" in str(labels) or "BTCUSDT" in str(labels)]


def test_the_process_and_its_sources_are_there(product: Product) -> None:
    samples = scrape(product)
    assert value(samples, "process_resident_memory_bytes") > 10e6
    assert {
        source: value(samples, "kline_source_up", source=source) for source in ("live", "ledger", "rest", "tasks")
    } == {
        "live": 1,
        "ledger": 1,
        "rest": 1,
        "tasks": 1,
    }


def test_sockets_are_counted(product: Product) -> None:
    before = scrape(product)
    with client(product.web.port) as one:
        one.settle()
        during = scrape(product)
        assert value(during, "kline_sockets") == 1
        assert value(during, "kline_sockets_opened_total") - value(before, "kline_sockets_opened_total") == 1
        assert value(during, "kline_push_frames_sent_total") > value(before, "kline_push_frames_sent_total")
    eventually(lambda: value(scrape(product), "kline_sockets") == 0)
    closed = "kline_sockets_closed_total"
    assert value(scrape(product), closed, why="client") - value(before, closed, why="client") == 1


@pytest.mark.usefixtures("tracking")
def test_what_collectors_do_reaches_the_web_processes(product: Product) -> None:
    with product.collector(), client(product.web.port) as one:
        # First of all: it is the weight of one minute, and a collector asks for much only when it starts.
        eventually(lambda: value(scrape(product), "kline_rest_weight_used", egress="direct") > 0, within=40)
        eventually(lambda: value(scrape(product), "kline_push_delay_seconds_count") > 0, within=40)
        one.settle()
        eventually(lambda: value(scrape(product), "kline_symbol_data_age_seconds", symbol="BTCUSDT") > 0, within=40)
        samples = scrape(product)
        assert value(samples, "kline_symbol_stale", symbol="BTCUSDT") == 0
        assert value(samples, "kline_symbol_last_closed_timestamp_seconds", symbol="BTCUSDT") > 1.7e9
        (collector,) = {dict(labels)["collector"] for name, labels in samples if name == "kline_collector_connected"}
        assert value(samples, "kline_collectors") == 1
        assert value(samples, "kline_collector_connects_total", collector=collector) >= 1
        assert value(samples, "kline_collector_stream_delay_seconds_count", collector=collector) > 0
        assert value(samples, "kline_collector_send_delay_seconds_count", collector=collector) > 0
        # It tells of this at its turns.
        eventually(lambda: value(scrape(product), "kline_collector_symbols", collector=collector) == 1)
        # What the collector looks back when it starts, REST brings and the database gets.
        eventually(
            lambda: value(scrape(product), "kline_collector_minutes_stored_total", collector=collector) > 0, within=20
        )


def test_a_task_that_ends_is_counted(transactional_db: None, settings: Settings) -> None:
    with Redis.from_url(settings.REDIS_URL) as redis:
        before = counts_read(redis).get(("canvas.tasks.sweep", "SUCCESS"), 0)
        sweep.apply()
        assert counts_read(redis)["canvas.tasks.sweep", "SUCCESS"] == before + 1


async def ask(headers: Mapping[str, str]) -> tuple[int, bytes]:
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        raise AssertionError("nothing is read")

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    lines = [(name.lower().encode(), text.encode()) for name, text in headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/metrics", "query_string": b"", "headers": lines}
    await Monitoring()(scope, receive, send)
    status, body = sent[0]["status"], sent[1]["body"]
    assert isinstance(status, int)
    assert isinstance(body, bytes)
    return status, body


@pytest.mark.parametrize(
    ("access", "token", "sent", "status"),
    [
        ("open", "", "", 200),
        ("token", "", "", 403),
        ("open", "word", "", 401),
        ("token", "word", "Bearer other", 401),
        ("token", "word", "Token word", 401),
        ("token", "word", "Bearer word", 200),
    ],
)
@pytest.mark.django_db(transaction=True)
async def test_who_may_scrape(settings: Settings, access: str, token: str, sent: str, status: int) -> None:
    settings.ACCESS, settings.METRICS_TOKEN = access, token
    found, body = await ask({"Authorization": sent} if sent else {})
    assert found == status
    assert b"word" not in body or status == 200
