"""The product's own `manage.py serve` as a process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from django.db import connection

from tests.support.eventually import eventually
from tests.support.web_server import PROJECT, WebServer

_ADDRESS: Final = re.compile(r"running on http://127\.0\.0\.1:(\d+)")


@contextmanager
def served(folder: Path, environ: Mapping[str, str], port: int = 0) -> Iterator[WebServer]:
    """`manage.py serve` with these settings; ended as an operator ends it."""
    log = folder / "serve.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--host", "127.0.0.1", "--port", str(port)],
            cwd=PROJECT,
            env={**os.environ, "LOG_LEVEL": "INFO", **environ},
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            found = eventually(lambda: _ADDRESS.search(log.read_text()), within=40)
            assert found is not None
            yield WebServer(int(found[1]), log, process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)


def database_url() -> str:
    """The test database, as a server of its own process reaches it."""
    parts: dict[str, Any] = connection.get_connection_params()
    user, name, host, port = (parts.get(key) or "" for key in ("user", "dbname", "host", "port"))
    password = f":{parts['password']}" if parts.get("password") else ""
    return f"postgresql://{user}{password}@/{name}?host={host}" + (f"&port={port}" if port else "")
