"""The product's web server as a process of its own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.eventually import eventually

PROJECT: Final = Path(__file__).resolve().parents[2]
_ADDRESS: Final = re.compile(r"running on http://127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class WebServer:
    """A running server: its port on 127.0.0.1 and what it has written so far."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def send(self, request: bytes, *, seconds: float = 10.0) -> bytes:
        """The raw answer to a raw request, which has to ask for `Connection: close`."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as link:
            link.sendall(request)
            parts = []
            while part := link.recv(65_536):
                parts.append(part)
        return b"".join(parts)


@contextmanager
def web_server(folder: Path, environ: Mapping[str, str]) -> Iterator[WebServer]:
    """Serve the ASGI application with these settings on a free port; stopped at the end of the block."""
    log = folder / "web.log"
    command = [sys.executable, "-m", "uvicorn", "klineproject.asgi:application", "--host", "127.0.0.1", "--port", "0"]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*command, "--lifespan", "off"],
            cwd=PROJECT,
            env={**os.environ, **environ},
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            found = eventually(lambda: _ADDRESS.search(log.read_text()), within=30)
            assert found is not None
            yield WebServer(int(found[1]), log)
        finally:
            process.terminate()
            process.wait(timeout=20)


def migrate(environ: Mapping[str, str]) -> None:
    """Bring an empty database up to the schema."""
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=PROJECT,
        env={**os.environ, **environ},
        check=True,
        timeout=120,
    )
