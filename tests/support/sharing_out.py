"""Which tests go together when several workers share them out (`pytest -n auto`), and in which order.

Files below are named by their path from the project's root, as pytest names them.
"""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import Final

from xdist.scheduler import LoadScopeScheduling

from klineproject.local.places import CHECKOUT

# What runs longest is begun first, so that nobody waits for it at the end.
_FIRST: Final = ("tests/acceptance/", "tests/integration/live/")
# With more, all would wait for the worker that has the acceptance tests.
_MAX_WORKERS: Final = 4


def workers() -> int:
    """One more than there are processors: most tests wait for another process most of their time."""
    return min((os.cpu_count() or 1) + 1, _MAX_WORKERS)


def rank(nodeid: str) -> int:
    """Tests of a lower rank come first."""
    return next((number for number, folder in enumerate(_FIRST) if nodeid.startswith(folder)), len(_FIRST))


def together(nodeid: str) -> str:
    """What tests of one worker have in common.

    Acceptance tests: what they need, for each of them alone would use two processors. So at most two are at work at a
    time, those that look at a load or a server that is killed, and those that look at the product as a whole.
    Tests of the live side: nothing. They share no fixture and take seconds each.
    Tests in a package (a folder with an `__init__.py`): the package, whose products and browsers are started once, and
    stopped when its last test is over. Without that file, pytest would keep them to the very end.
    All others: their file, whose fixtures are made once.
    """
    file = PurePosixPath(nodeid.partition("::")[0])
    if file.is_relative_to("tests/acceptance"):
        return f"{file.parent}/*_crash.py" if file.name.endswith("_crash.py") else str(file.parent)
    if file.is_relative_to("tests/integration/live"):
        return nodeid
    return str(file.parent if (CHECKOUT / file.parent / "__init__.py").exists() else file)


class SharingOut(LoadScopeScheduling):
    """A worker that has nothing left to do takes the next tests that belong together."""

    def _split_scope(self, nodeid: str) -> str:
        return together(nodeid)
