"""One site for everything that is sent from the document, or against it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.site import Site, site


@pytest.fixture(scope="package")
def own_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    # Limits hold on a site that is not open, and another test is about them.
    unlimited = dict.fromkeys(("READS_PER_MINUTE", "WRITES_PER_MINUTE", "LOGINS_PER_MINUTE"), "0")
    access = os.environ.get("SCHEMA_ACCESS", "open")
    with site(tmp_path_factory.mktemp("site"), ACCESS=access, **unlimited) as made:
        yield made
    assert "Traceback" not in made.server.log.read_text(), made.server.log.read_text()[-20_000:]
