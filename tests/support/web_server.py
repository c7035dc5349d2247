"""The product's web server, as tests see it. `served` starts one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class WebServer:
    """A running server: its port on 127.0.0.1, what it has written so far, the process that listens."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def migrate(environ: Mapping[str, str]) -> None:
    """Bring an empty database up to the schema."""
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=PROJECT,
        env={**os.environ, **environ},
        check=True,
        timeout=120,
    )
