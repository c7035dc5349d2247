"""Services and database for all tests.

The services come from DATABASE_URL and REDIS_URL, or else from a private instance of this checkout (`test`, or the one
that KLINE_INSTANCE names), which is started here if it does not run. The schema comes from the migrations, so the
test database is a real TimescaleDB.

Of several workers (`pytest -n auto`) each has an instance of its own: gw0 the one above, gw1 `test-gw1` and so on. So
the test database has the same name everywhere, and what a test starts as a process of its own finds it by the settings.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import django
import hypothesis
import pytest
from xdist.remote import Producer

from klineproject.local.instance import Instance
from tests.support.sharing_out import SharingOut, rank, workers

# It takes the services of the process that shares the tests out, which runs none itself.
_FIRST_WORKER = "gw0"
# Services that are given are there once: workers would empty each other's tables.
_CAN_SHARE_OUT = not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"))


def _provide_services() -> None:
    """Before anything reads the settings: they need both addresses."""
    if not _CAN_SHARE_OUT:
        return
    name = os.environ.setdefault("KLINE_INSTANCE", "test")
    worker = os.environ.get("PYTEST_XDIST_WORKER", _FIRST_WORKER)
    if worker != _FIRST_WORKER:
        name = os.environ["KLINE_INSTANCE"] = f"{name}-{worker}"
    Instance(name).up()


# Who ends the tests by SIGTERM, as `timeout` does, ends them as Ctrl-C does: fixtures stop what they have started.
signal.signal(signal.SIGTERM, signal.default_int_handler)
_provide_services()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "klineproject.settings")
# Test modules import models when they are collected. Done already where pytest-django knows the settings' name.
django.setup()

# How long an example takes says more about what else the machine does than about the code.
hypothesis.settings.register_profile(
    "project", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("project")


def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means."""
    return workers() if _CAN_SHARE_OUT else 0


def pytest_xdist_setupnodes() -> None:
    """Let each worker read the settings here, once its own services are up, and not as pytest-django is loaded."""
    if not _CAN_SHARE_OUT:
        raise pytest.UsageError("DATABASE_URL and REDIS_URL are set: all workers would use the same database. Use -n 0")
    del os.environ["DJANGO_SETTINGS_MODULE"]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SharingOut:
    return SharingOut(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: rank(item.nodeid))


@pytest.fixture(scope="session")
def django_db_modify_db_settings_xdist_suffix() -> None:
    """No suffix to the database's name: each worker has a server of its own."""


@pytest.fixture(autouse=True)
def _no_candle_outlives_its_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Empty the candle tables and the live tail after a test that commits: Django's flush knows neither."""
    mark = request.node.get_closest_marker("django_db")
    commits = "transactional_db" in request.fixturenames or (mark is not None and mark.kwargs.get("transaction"))
    if not commits:
        yield
        return
    from tests.support.database import forget_tails, truncate_candles

    request.getfixturevalue("transactional_db")
    yield
    truncate_candles()
    forget_tails()


@pytest.fixture(autouse=True)
def _ids_are_looked_up_anew() -> None:
    """Each test has its own symbols, under numbers of its own."""
    from market.selectors.symbols import forget_ids

    forget_ids()
