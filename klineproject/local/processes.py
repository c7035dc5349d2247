"""Running programs as the servers' account, and finding and ending the servers' processes.

A server is recognised by its program's name and its working folder (both servers change into
their data folder), not by a pid file alone: after a reboot the pid in a file may belong to
anybody, and inside a container a killed server may stay behind as a zombie that still answers
`kill -0`.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from klineproject.local.errors import LocalError
from klineproject.local.places import Account

POLL_SECONDS = 0.02
LOG_TAIL_LINES = 25

_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def run_as(
    account: Account | None,
    argv: Sequence[str | Path],
    *,
    stdin: str = "",
    timeout: float = 120,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end as `account` (None: as the caller) and return its output.

    stdout and stderr come together in .stdout. A non-zero exit code is returned, not raised;
    a program that cannot be started or does not end in `timeout` seconds is a LocalError.
    """
    try:
        return subprocess.run(
            [str(part) for part in argv],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env=_environment(),
            # The account may be unable to enter the caller's folder.
            cwd="/",
            umask=0o077,
            timeout=timeout,
            check=False,
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else [],
        )
    except subprocess.TimeoutExpired as error:
        raise LocalError(f"{argv[0]} did not end within {timeout:.0f} s") from error
    except OSError as error:
        who = "" if account is None else f" as user {account.name}"
        raise LocalError(f"cannot run {argv[0]}{who}: {error}") from error


def _environment() -> dict[str, str]:
    # The programs must not see the caller's PGDATA, PGPORT, LD_LIBRARY_PATH and the like; apt may
    # need the proxy.
    proxies = {name: os.environ[name] for name in _PROXY_VARIABLES if name in os.environ}
    return {"PATH": _SYSTEM_PATH, "LC_ALL": "C.UTF-8", "TZ": "UTC", **proxies}


def server_pids(programs: Sequence[str], folder: Path, *, deleted: bool = False) -> list[int]:
    """Return the live processes named one of `programs` that work in `folder`, lowest pid first.

    Zombies do not count: their working folder is gone. With deleted=True, instead those whose
    folder of that name has been deleted under them.
    """
    target = os.path.realpath(folder) + (" (deleted)" if deleted else "")
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if (entry / "comm").read_text().strip() not in programs:
                continue
            if str((entry / "cwd").readlink()) == target:
                found.append(int(entry.name))
    return sorted(found)


def kill_all(find: Callable[[], list[int]], *, limit: float = 20) -> None:
    """Send SIGKILL to every process that `find` names until it names none any more."""
    deadline = time.monotonic() + limit
    while pids := find():
        if time.monotonic() > deadline:
            raise LocalError(f"processes {pids} are still there {limit:.0f} s after SIGKILL")
        for pid in pids:
            send(pid, signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def send(pid: int, signum: signal.Signals) -> None:
    """Send a signal; a process that has just gone is fine."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signum)


def wait_until(condition: Callable[[], bool], *, limit: float) -> bool:
    """Poll `condition` until it holds; return False when it does not within `limit` seconds."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def log_tail(log: Path) -> str:
    """Return the last lines of a server's log, indented, for an error message."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return f"(no log in {log})"
    tail = "\n".join(f"    {line}" for line in lines[-LOG_TAIL_LINES:])
    return f"the end of {log}:\n{tail}"


def rotate_log(log: Path, *, limit_bytes: int = 8 << 20) -> None:
    """Set an overlong log aside as <log>.1, so that years of restarts do not fill the disk."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > limit_bytes:
            log.replace(log.with_name(log.name + ".1"))
