"""One site that is sent everything that is in these modules, and is still well afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.site import Site, site


@pytest.fixture(scope="package")
def own_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site")) as made:
        yield made
    log = made.server.log.read_text()
    assert "Traceback" not in log, log[-20_000:]
