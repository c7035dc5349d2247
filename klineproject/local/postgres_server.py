"""One private PostgreSQL with TimescaleDB: made, started, stopped, killed, healed.

It listens on a unix socket only. Whoever can enter the socket's folder (mode 0700: the servers'
user, and root) is let in without a password; no other user of the machine reaches it.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from klineproject.local.binaries import PostgresBinaries
from klineproject.local.errors import LocalError
from klineproject.local.places import (
    Account,
    make_folder,
    make_socket_folder,
    socket_folder,
    write_private,
)
from klineproject.local.processes import (
    kill_all,
    log_tail,
    rotate_log,
    run_as,
    send,
    server_pids,
    wait_until,
)

USER = "kline"
DATABASE = "kline"
# Long enough to replay max_wal_size of WAL after a crash on a slow disk.
START_SECONDS = 180
STOP_SECONDS = 60
_PROGRAMS = ("postgres",)
_MIB = 1 << 20


class PostgresServer:
    """The PostgreSQL of one instance, kept in `home`.

    binaries(major) is asked for the programs when they are first needed; major is the version
    that an existing data folder is bound to, or None.
    """

    def __init__(
        self,
        home: Path,
        account: Account | None,
        binaries: Callable[[int | None], PostgresBinaries],
    ) -> None:
        self.home = home
        self.data = home / "data"
        self.log = home / "postgres.log"
        self._account = account
        self._find_binaries = binaries
        self._found: PostgresBinaries | None = None

    @property
    def binaries(self) -> PostgresBinaries:
        """The programs; LocalError when there are none or the data folder needs others."""
        if self._found is None:
            self._found = self._find_binaries(self._data_major())
        return self._found

    @property
    def url(self) -> str:
        """A libpq URL of the database; the same for the life of the instance."""
        return f"postgresql://{USER}@/{DATABASE}?host={quote(str(self.sockets))}"

    @property
    def sockets(self) -> Path:
        """The folder of the unix socket; usually, but not always, in `home`."""
        return socket_folder(self.home)

    def is_running(self) -> bool:
        """Whether the postmaster of this data folder is alive (it may still be recovering)."""
        return self._postmaster() is not None

    def start(self) -> None:
        """Bring the server up and wait until it accepts connections; a no-op when it does.

        Makes the data folder the first time and clears away what a killed server left behind.
        """
        if self.is_running():
            self._wait_until_ready()
            return
        make_folder(self.home, mode=0o700, owner=self._account)
        if not self.data.is_dir():
            self._initialise()
        self._clear_remains()
        self._configure()
        rotate_log(self.log)
        started = self._run(
            "pg_ctl", "start", "--silent", "--wait", f"--timeout={START_SECONDS}",
            f"--pgdata={self.data}", f"--log={self.log}",
            timeout=START_SECONDS + 10,
        )  # fmt: skip
        if started.returncode != 0:
            raise LocalError(f"PostgreSQL did not start: {started.stdout.strip()}\n{log_tail(self.log)}")

    def stop(self) -> None:
        """End the server: clients are disconnected, open transactions rolled back."""
        postmaster = self._postmaster()
        if postmaster is not None:
            send(postmaster, signal.SIGINT)
            if not wait_until(lambda: not self._pids(), limit=STOP_SECONDS):
                send(postmaster, signal.SIGQUIT)
                wait_until(lambda: not self._pids(), limit=STOP_SECONDS)
        kill_all(self._pids)

    def kill(self) -> None:
        """SIGKILL the postmaster and all its processes, as a crash or the OOM killer would."""
        postmaster = self._postmaster()
        if postmaster is not None:
            # First, so that it does not restart its children while they are being killed.
            send(postmaster, signal.SIGKILL)
        kill_all(self._pids)

    def describe(self) -> str:
        """Return one line: versions, where the programs come from, where the server listens."""
        found = self.binaries
        return (
            f"PostgreSQL {found.version} with TimescaleDB {found.timescaledb} "
            f"({found.origin}: {found.bindir}) at {self.url}"
        )

    def _pids(self) -> list[int]:
        return server_pids(_PROGRAMS, self.data)

    def _postmaster(self) -> int | None:
        pid = self._pid_file_line(0)
        return int(pid) if pid.isdigit() and int(pid) in self._pids() else None

    def _wait_until_ready(self) -> None:
        # Line 8 of postmaster.pid: starting, stopping, ready or standby, padded with blanks.
        def settled() -> bool:
            return self._pid_file_line(7) == "ready" or not self.is_running()

        if not wait_until(settled, limit=START_SECONDS):
            raise LocalError(f"PostgreSQL is not ready after {START_SECONDS} s\n{log_tail(self.log)}")
        if not self.is_running():
            self.start()

    def _pid_file_line(self, number: int) -> str:
        with contextlib.suppress(OSError, IndexError):
            return (self.data / "postmaster.pid").read_text().splitlines()[number].strip()
        return ""

    def _data_major(self) -> int | None:
        with contextlib.suppress(OSError, ValueError):
            return int((self.data / "PG_VERSION").read_text())
        return None

    def _initialise(self) -> None:
        """Make the data folder and the database beside its place, then rename it there."""
        draft = self.home / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        made = self._run(
            "initdb", f"--pgdata={draft}", f"--username={USER}", "--auth=trust",
            "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions",
        )  # fmt: skip
        if made.returncode != 0:
            raise LocalError(f"initdb failed:\n{made.stdout.strip()}")
        # Single-user mode ends with 0 even if the statement fails, but says ERROR.
        made = self._run("postgres", "--single", "-D", draft, "postgres", stdin=f"CREATE DATABASE {DATABASE};\n")
        if made.returncode != 0 or "ERROR:" in made.stdout or "FATAL:" in made.stdout:
            raise LocalError(f"creating database {DATABASE} failed:\n{made.stdout.strip()}")
        draft.rename(self.data)

    def _clear_remains(self) -> None:
        """Remove what a killed server left, all of which would keep a new one from starting.

        Its processes without a postmaster; its pid file and its socket's lock, which PostgreSQL
        clears away itself unless their pid now belongs to a zombie or to another program.
        """
        kill_all(self._pids)
        kill_all(lambda: server_pids(_PROGRAMS, self.data, deleted=True))
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for socket in self.sockets.glob(".s.PGSQL.*"):
            socket.unlink()

    def _configure(self) -> None:
        sockets = make_socket_folder(self.home, self._account)
        compression = self._wal_compression()
        write_private(self.data / "postgresql.conf", _settings(sockets, compression), self._account)
        write_private(self.data / "pg_hba.conf", "local all all trust\n", self._account)

    def _wal_compression(self) -> str:
        # lz4 costs far less than the default pglz, but a server may be built without it.
        probe = self._run("postgres", "-D", self.data, "-c", "wal_compression=lz4",
                          "-C", "wal_compression")  # fmt: skip
        return "lz4" if probe.returncode == 0 else "on"

    def _run(
        self, program: str, *arguments: str | Path, stdin: str = "", timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        argv = [self.binaries.bindir / program, *arguments]
        return run_as(self._account, argv, stdin=stdin, timeout=timeout)


def _settings(sockets: Path, wal_compression: str) -> str:
    """Return postgresql.conf for bulk loads and many small reads on a developer's machine.

    fsync, full_page_writes and synchronous_commit keep their safe defaults: what the database has
    confirmed must be there after a crash.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    shared = min(max(memory // 16, 128 * _MIB), 1024 * _MIB) // _MIB
    return f"""\
# Written anew at every start.
listen_addresses = ''
unix_socket_directories = '{str(sockets).replace("'", "''")}'
unix_socket_permissions = 0700
max_connections = 200
shared_preload_libraries = 'timescaledb'
timescaledb.telemetry_level = off
timescaledb.max_background_workers = 8
max_worker_processes = 24
# One lock per chunk touched by a transaction, and a load touches many chunks.
max_locks_per_transaction = 256
jit = off
shared_buffers = {shared}MB
effective_cache_size = {memory // 2 // _MIB}MB
work_mem = 16MB
maintenance_work_mem = 256MB
random_page_cost = 1.1
# Few checkpoints while months of candles are loaded.
max_wal_size = 4GB
min_wal_size = 256MB
checkpoint_timeout = 15min
wal_compression = {wal_compression}
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %d '
lc_messages = 'C.UTF-8'
lc_monetary = 'C.UTF-8'
lc_numeric = 'C.UTF-8'
lc_time = 'C.UTF-8'
default_text_search_config = 'pg_catalog.english'
"""
