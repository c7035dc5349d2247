"""Real files and captured answers of the exchange, which are too large for the repository."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from klineproject.local.places import CHECKOUT

# `archive` mirrors the exchange's addresses, `captured` has lists, answers and frames.
REAL_DATA: Final = Path(os.environ.get("REAL_DATA_DIR") or CHECKOUT.parent / "shared" / "data")
ARCHIVE: Final = REAL_DATA / "archive"
CAPTURED: Final = REAL_DATA / "captured"
ABSENT: Final = f"no real files of the exchange in {REAL_DATA} (REAL_DATA_DIR says where they are)"
