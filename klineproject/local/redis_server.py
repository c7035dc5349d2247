"""One private Redis (or Valkey): configured, started, stopped, killed, healed.

It listens on a loopback port and asks for a generated password. TCP rather than a unix socket,
because Celery, Channels and redis-py each write a socket's address in a way of their own. The
configuration file (mode 0600) remembers the port and the password.
"""

import contextlib
import random
import re
import secrets
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from klineproject.local.binaries import RedisBinaries
from klineproject.local.errors import LocalError
from klineproject.local.places import Account, make_folder, write_private
from klineproject.local.processes import (
    kill_all,
    log_tail,
    rotate_log,
    run_as,
    send,
    server_pids,
    wait_until,
)

HOST = "127.0.0.1"
# Below the range that the kernel hands to outgoing connections, so that a port given up at a
# restart is still free at the next start.
PORTS = range(20000, 32000)
START_SECONDS = 60
STOP_SECONDS = 20
# The server daemonizes before it opens its port: for this long "no process" is not yet a failure.
_LAUNCH_SECONDS = 2.0
_ATTEMPTS = 5
# Debian's redis-server is a link, and a process is named after the link.
_PROGRAMS = ("redis-server", "valkey-server")


class RedisServer:
    """The Redis of one instance, kept in `home`.

    persistent: every write goes to an append-only file, so that what Celery queued outlives a
    restart; otherwise nothing is kept.
    """

    def __init__(
        self,
        home: Path,
        account: Account | None,
        binaries: Callable[[], RedisBinaries],
        *,
        persistent: bool,
    ) -> None:
        self.home = home
        self.data = home / "data"
        self.log = home / "redis.log"
        self.persistent = persistent
        self._configuration = home / "redis.conf"
        self._account = account
        self._find_binaries = binaries
        self._found: RedisBinaries | None = None

    @property
    def binaries(self) -> RedisBinaries:
        """The program; LocalError when there is none."""
        if self._found is None:
            self._found = self._find_binaries()
        return self._found

    @property
    def url(self) -> str:
        """A redis:// URL with the password, of database 0; LocalError before the first start."""
        address = self._address()
        if address is None:
            raise LocalError(f"{self.home} has no Redis yet: start it first")
        port, password = address
        return f"redis://:{password}@{HOST}:{port}/0"

    def is_running(self) -> bool:
        """Whether the server of this data folder is alive (it may still be loading)."""
        return bool(self._pids())

    def start(self) -> None:
        """Bring the server up and wait until it answers; a no-op when it does.

        The address stays the same unless another program has taken the port meanwhile.
        """
        if self.is_running():
            self._wait_until_ready()
            return
        kill_all(lambda: server_pids(_PROGRAMS, self.data, deleted=True))
        make_folder(self.home, mode=0o700, owner=self._account)
        make_folder(self.data, mode=0o700, owner=self._account)
        for _ in range(_ATTEMPTS):
            self._configure()
            rotate_log(self.log)
            launched = run_as(self._account, [self.binaries.server, self._configuration])
            if launched.returncode != 0:
                raise LocalError(f"Redis did not start: {launched.stdout.strip()}\n{log_tail(self.log)}")
            if self._answers_in_time():
                return
            if _is_free(self._port()):
                break
            # Somebody took the port between the look and the launch: try another one.
        raise LocalError(f"Redis did not come up\n{log_tail(self.log)}")

    def stop(self) -> None:
        """End the server; a persistent one writes its file out first."""
        for pid in self._pids():
            send(pid, signal.SIGTERM)
        wait_until(lambda: not self._pids(), limit=STOP_SECONDS)
        kill_all(self._pids)

    def kill(self) -> None:
        """SIGKILL the server."""
        kill_all(self._pids)

    def describe(self) -> str:
        """Return one line: version, where the program comes from, where the server listens."""
        found = self.binaries
        kept = "append-only file" if self.persistent else "nothing kept on disk"
        name = "Valkey" if "valkey" in found.server.name else "Redis"
        return f"{name} {found.version} ({found.origin}: {found.server}; {kept}) at {HOST}:{self._port()}"

    def _pids(self) -> list[int]:
        return server_pids(_PROGRAMS, self.data)

    def _address(self) -> tuple[int, str] | None:
        """Return port and password from the configuration file; None when there is none."""
        with contextlib.suppress(OSError):
            text = self._configuration.read_text()
            port = re.search(r"^port (\d+)$", text, re.MULTILINE)
            password = re.search(r"^requirepass (\w+)$", text, re.MULTILINE)
            if port and password:
                return int(port.group(1)), password.group(1)
        return None

    def _port(self) -> int:
        address = self._address()
        return address[0] if address else 0

    def _configure(self) -> None:
        port, password = self._address() or (0, secrets.token_hex(24))
        if not port or not _is_free(port):
            port = _free_port()
        write_private(
            self._configuration,
            "# Written anew at every start; the port and the password stay.\n"
            f"bind {HOST}\n"
            f"port {port}\n"
            f"requirepass {password}\n"
            f"dir {_quoted(self.data)}\n"
            f"logfile {_quoted(self.log)}\n"
            "daemonize yes\n"
            # No snapshots: either every write is logged or nothing is kept.
            'save ""\n'
            f"appendonly {'yes' if self.persistent else 'no'}\n"
            # A queue must fail loudly when memory ends, never drop keys.
            "maxmemory-policy noeviction\n",
            self._account,
        )

    def _wait_until_ready(self) -> None:
        if not self._answers_in_time():
            raise LocalError(f"Redis does not answer\n{log_tail(self.log)}")

    def _answers_in_time(self) -> bool:
        launched = time.monotonic()
        answered = False

        def settled() -> bool:
            nonlocal answered
            answered = self._answers()
            young = time.monotonic() - launched < _LAUNCH_SECONDS
            return answered or not (young or self._pids())

        wait_until(settled, limit=START_SECONDS)
        return answered

    def _answers(self) -> bool:
        # The password tells this server from a stranger on the same port.
        address = self._address()
        if address is None:
            return False
        port, password = address
        with contextlib.suppress(OSError):
            with socket.create_connection((HOST, port), timeout=2) as connection:
                connection.sendall(f"AUTH {password}\r\nPING\r\nQUIT\r\n".encode())
                reply = b"".join(iter(lambda: connection.recv(1024), b""))
            return b"+PONG" in reply
        return False


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    for port in random.sample(PORTS, 200):
        if _is_free(port):
            return port
    raise LocalError(f"no free port between {PORTS.start} and {PORTS.stop} on {HOST}")


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
