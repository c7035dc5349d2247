"""What the machine has: ports that nobody listens on, processes that live."""

from __future__ import annotations

import socket

import psutil


def free_port() -> int:
    """A port that is free now. Who begins to listen there soon finds it so."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs; what only waits to be reaped does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
