"""The demo as `make demo` starts it: every process of its Procfile, on services and ports of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from klineproject.local.instance import Instance, Services
from klineproject.local.places import CHECKOUT
from tests.support.eventually import eventually
from tests.support.machine import free_port


@dataclass(frozen=True)
class Demo:
    """The running demo: its addresses, its process manager, what its processes have written, its settings."""

    web_port: int
    exchange_url: str
    process: subprocess.Popen[bytes]
    log: Path
    instance: Instance
    services: Services
    environ: Mapping[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    def get(self, path: str, **query: Any) -> Any:
        """The data of an answer of /api, which has to be 200."""
        reply = httpx.get(f"{self.url}{path}", params=query, timeout=10)
        assert reply.status_code == 200, reply.text
        return reply.json()["data"]

    def history(self) -> dict[str, dict[str, Any]]:
        """The history's progress by symbol."""
        return {entry["symbol"]: entry for entry in self.get("/api/status")["history"]}

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a management command beside it; its exit code and all that it said."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=CHECKOUT,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def family(self) -> set[psutil.Process]:
        """The process manager and everything below it."""
        manager = psutil.Process(self.process.pid)
        return {manager, *manager.children(recursive=True)}

    def stop(self) -> None:
        """One SIGTERM, as Ctrl-C would; AssertionError for what still runs after it."""
        everything = self.family()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) is not None
        eventually(lambda: not [process for process in everything if process.is_running()], within=20)


@contextmanager
def running_demo(folder: Path, **environ: str) -> Iterator[Demo]:
    """Start it, with these settings beside those of the Makefile; gone with its data at the end of the block."""
    instance = Instance("demo", folder, environ={})
    with instance.running() as services:
        web, exchange = free_port(), free_port()
        settings = {
            **os.environ,
            "DATABASE_URL": services.database_url,
            "REDIS_URL": services.redis_url,
            "EXCHANGE_PORT": str(exchange),
            "BINANCE_ARCHIVE_URL": f"http://127.0.0.1:{exchange}",
            "BINANCE_REST_URL": f"http://127.0.0.1:{exchange}",
            "BINANCE_WS_URL": f"ws://127.0.0.1:{exchange}/market",
            "SERVE_OPTIONS": f"--port {web}",
            **environ,
        }
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=CHECKOUT, env=settings, check=True
        )
        log = folder / "demo.log"
        command = [str(Path(sys.executable).with_name("honcho")), "-e", os.devnull, "-f", "Procfile.demo", "start"]
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=CHECKOUT, env=settings, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield Demo(web, f"http://127.0.0.1:{exchange}", process, log, instance, services, settings)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
