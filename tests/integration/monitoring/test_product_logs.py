"""What a product writes while its services die and come back."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.monitoring.conftest import DATABASE_WORD, SECRETS, Product
from tests.support.eventually import eventually


def lines_of(log: Path) -> list[dict[str, object]]:
    """Each line is an event."""
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("tracking")
def test_each_line_is_one_event_without_a_secret_whatever_dies(product: Product) -> None:
    with product.collector() as collector:
        worker = product.processes.start("worker")
        for process in (collector, worker):
            eventually(process.log.read_text, within=60)
        eventually(product.is_ready, within=30)
        for service in (product.instance.redis, product.instance.postgres):
            service.kill()
            product.get("/api/klines/BTCUSDT")
            eventually(lambda: product.ready()[0] == 503, within=5)
            service.start()
            eventually(lambda: product.get("/readyz?exclude=collector").status_code == 200, within=30)
        worker.kill()
        logs = {"web": product.web.log, "collector": collector.log, "worker": worker.log}
        for name, log in logs.items():
            events = lines_of(log)
            assert events, name
            assert all({"time", "level", "logger", "message"} <= event.keys() for event in events), name
            text = log.read_text()
            redis_word = str(urlsplit(product.services.redis_url).password)
            for secret in (*SECRETS.values(), DATABASE_WORD, redis_word):
                assert secret not in text, name
    assert any(event["level"] == "WARNING" for event in lines_of(logs["web"])), "nothing was said of what died"
