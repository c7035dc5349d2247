"""One site that is sent everything that is in these modules, and is still well afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psutil
import pytest

from tests.support.site import Site, site


@pytest.fixture(scope="package")
def own_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site")) as made:
        yield made
    log = made.server.log.read_text()
    assert "Traceback" not in log, log[-20_000:]


@pytest.fixture(scope="package")
def process(own_site: Site) -> psutil.Process:
    """The one that serves."""
    found = re.search(r"Started server process \[(\d+)\]", own_site.server.log.read_text())
    assert found is not None
    return psutil.Process(int(found[1]))
