"""Services and database for all tests.

The services come from DATABASE_URL and REDIS_URL, or else from a private instance of this checkout (`test`, or the one
that KLINE_INSTANCE names), which is started here if it does not run. The schema comes from the migrations, so the
test database is a real TimescaleDB.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import django
import hypothesis
import pytest

from klineproject.local.instance import Instance


def _provide_services() -> None:
    """Before anything reads the settings: they need both addresses."""
    if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        return
    Instance(os.environ.setdefault("KLINE_INSTANCE", "test")).up()


_provide_services()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "klineproject.settings")
# Test modules import models when they are collected. Done already where pytest-django knows the settings' name.
django.setup()

# How long an example takes says more about what else the machine does than about the code.
hypothesis.settings.register_profile(
    "project", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("project")


@pytest.fixture(autouse=True)
def _no_candle_outlives_its_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Empty the candle tables after a test that commits: they have no models, so Django's flush does not know them."""
    mark = request.node.get_closest_marker("django_db")
    commits = "transactional_db" in request.fixturenames or (mark is not None and mark.kwargs.get("transaction"))
    if not commits:
        yield
        return
    request.getfixturevalue("transactional_db")
    yield
    from tests.support.database import truncate_candles

    truncate_candles()


@pytest.fixture(autouse=True)
def _ids_are_looked_up_anew() -> None:
    """Each test has its own symbols, under numbers of its own."""
    from market.api.lookup import forget_ids

    forget_ids()
