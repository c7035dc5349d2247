"""The product's processes as an operator runs them: started, killed, told to stop, watched for what they leave."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import psutil

from klineproject.local.places import CHECKOUT
from tests.support.eventually import eventually
from tests.support.machine import is_alive

_BIN: Final = Path(sys.executable).parent
COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "web": (sys.executable, "manage.py", "serve", "--host", "127.0.0.1"),
    "collector": (sys.executable, "manage.py", "run_collector"),
    "worker": (
        *(str(_BIN / "celery"), "--quiet", "-A", "klineproject.celery"),
        *("worker", "--pool", "threads", "--concurrency", "4"),
    ),
    "beat": (str(_BIN / "celery"), "--quiet", "-A", "klineproject.celery", "beat"),
}
# Celery's worker stumbles over its own chatter with other workers when Redis dies, and goes on.
_EXPECTED: Final = ("celery.bootsteps: Error on restarting Gossip",)
# Each entry of a log begins with its time.
_BEGINNING: Final = re.compile(r"^(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,)", re.MULTILINE)


class Process:
    """One process and all that it has ever started."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process
        self._family = {process.pid: psutil.Process(process.pid)}

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        self.look()
        return self._process.poll() is None

    def look(self) -> None:
        """Remember the children that there are now."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.pid).children(recursive=True):
                self._family.setdefault(child.pid, child)

    def kill(self) -> float:
        """SIGKILL to the process itself, to none of its children; when that was (monotonic seconds)."""
        self.look()
        assert self._process.poll() is None, f"{self.name} had ended by itself:\n{self.said()}"
        self._process.kill()
        killed = time.monotonic()
        self._process.wait()
        return killed

    def terminate(self, within: float) -> tuple[int, float]:
        """SIGTERM; the exit code, and after how many seconds it ended."""
        self.look()
        assert self._process.poll() is None, f"{self.name} had ended by itself:\n{self.said()}"
        begun = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {within} s of SIGTERM:\n{self.said()}") from None
        return code, time.monotonic() - begun

    def survivors(self) -> list[psutil.Process]:
        """What still runs of all that belonged to it."""
        return [process for process in self._family.values() if is_alive(process)]

    def said(self) -> str:
        """The end of what it has written."""
        return self.log.read_text(errors="replace")[-20_000:]


class Processes:
    """All processes of a run, under one environment; whatever is left of them at the end is killed."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = {**os.environ, **environ}
        self.all: list[Process] = []

    def start(self, command: str, *options: str) -> Process:
        """Start one of COMMANDS; each has a log of its own."""
        name = f"{command}-{sum(process.name.startswith(command) for process in self.all) + 1}"
        log = self._folder / f"{name}.log"
        with log.open("wb") as output:
            started = subprocess.Popen(
                [*COMMANDS[command], *options],
                cwd=CHECKOUT,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        process = Process(name, started, log)
        self.all.append(process)
        return process

    def manage(self, *arguments: str) -> None:
        """Run a management command to its end."""
        subprocess.run([sys.executable, "manage.py", *arguments], cwd=CHECKOUT, env=self._environ, check=True)

    def look(self) -> None:
        for process in self.all:
            process.look()

    def assert_none_left(self, within: float = 60.0) -> None:
        """Every process has ended and so has all that it started."""
        eventually(lambda: not self._left(), within=within)

    def complaints(self) -> dict[str, list[str]]:
        """The log entries with a stack trace, by process, but for the expected ones."""
        found: dict[str, list[str]] = {}
        for process in self.all:
            for entry in _BEGINNING.split(process.log.read_text(errors="replace")):
                if "Traceback (" in entry and not any(text in entry for text in _EXPECTED):
                    found.setdefault(process.name, []).append(entry)
        return found

    @contextlib.contextmanager
    def cleaning_up(self) -> Iterator[None]:
        try:
            yield
        finally:
            for process in self.all:
                for left in process.survivors():
                    with contextlib.suppress(psutil.NoSuchProcess):
                        left.kill()
                process._process.wait()

    def _left(self) -> list[psutil.Process]:
        return [left for process in self.all for left in process.survivors()]
