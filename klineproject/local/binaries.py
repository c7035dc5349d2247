"""The programs of the services: what they are and how this machine's own are found.

A finder returns the programs or raises Unavailable with its reason. `choose` asks finders in
order; the reasons of all of them make up the message when nothing is found.
"""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from klineproject.local.errors import LocalError, Unavailable
from klineproject.local.processes import run_as

OLDEST_POSTGRES = 15
_VERSION = re.compile(r"(\d+)(?:\.\d+)*")


@dataclass(frozen=True)
class PostgresBinaries:
    """PostgreSQL's bin folder (initdb, pg_ctl, postgres) whose extensions include timescaledb."""

    bindir: Path
    version: str
    timescaledb: str
    origin: str

    @property
    def major(self) -> int:
        """The major version, the one that a data folder is bound to."""
        return int(self.version.split(".")[0])


@dataclass(frozen=True)
class RedisBinaries:
    """redis-server, or valkey-server, which speaks the same protocol."""

    server: Path
    version: str
    origin: str


# Asked for a major version, or for any (None).
PostgresFinder = Callable[[int | None], PostgresBinaries]
RedisFinder = Callable[[], RedisBinaries]
Found = TypeVar("Found", PostgresBinaries, RedisBinaries)


def choose(service: str, finders: Sequence[tuple[str, Callable[[], Found]]], help_: str) -> Found:
    """Return what the first finder that finds something has found.

    Raises LocalError naming `service`, the reason of each finder, and `help_` when none does.
    """
    reasons: list[str] = []
    for place, find in finders:
        try:
            return find()
        except Unavailable as reason:
            reasons.append(f"  - {place}: {reason}")
    raise LocalError("\n".join([f"No {service} to start:", *reasons, help_]))


def system_postgres(major: int | None = None, bindirs: Iterable[Path] | None = None) -> PostgresBinaries:
    """Return the PostgreSQL of this major version, or else the newest one (>= 15), of this machine's own that have
    timescaledb."""
    found: list[PostgresBinaries] = []
    reasons = []
    for bindir in _postgres_bindirs() if bindirs is None else bindirs:
        try:
            found.append(inspect_postgres(bindir, "this machine's own"))
        except Unavailable as reason:
            reasons.append(str(reason))
    if not found:
        raise Unavailable("; ".join(reasons) or "no PostgreSQL server is installed")
    return max(found, key=lambda candidate: (candidate.major == major, candidate.major))


def system_redis(folders: Iterable[Path] | None = None) -> RedisBinaries:
    """Return this machine's own redis-server or, failing that, its valkey-server."""
    searched = _search_path() if folders is None else list(folders)
    for program in ("redis-server", "valkey-server"):
        for folder in searched:
            if os.access(folder / program, os.X_OK):
                return inspect_redis(folder / program, "this machine's own")
    raise Unavailable("neither redis-server nor valkey-server is installed")


def inspect_postgres(bindir: Path, origin: str) -> PostgresBinaries:
    """Return what is in a bin folder, or raise Unavailable if it cannot serve this project."""
    for program in ("postgres", "initdb", "pg_ctl"):
        if not os.access(bindir / program, os.X_OK):
            raise Unavailable(f"{bindir} has no {program}")
    version = _version_of(bindir / "postgres")
    if int(version.split(".")[0]) < OLDEST_POSTGRES:
        raise Unavailable(f"PostgreSQL {version} in {bindir} is older than {OLDEST_POSTGRES}")
    for extensions in _extension_folders(bindir):
        control = extensions / "timescaledb.control"
        if control.is_file():
            return PostgresBinaries(bindir, version, _default_version(control), origin)
    raise Unavailable(f"PostgreSQL {version} in {bindir} has no timescaledb extension")


def inspect_redis(server: Path, origin: str) -> RedisBinaries:
    """Return a Redis server's program with its version."""
    return RedisBinaries(server, _version_of(server), origin)


def _postgres_bindirs() -> list[Path]:
    # The usual homes of Debian's and Red Hat's packages are not on the PATH.
    homes = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    on_path = [(folder / "postgres").resolve().parent for folder in _search_path()]
    candidates = [home for home in [*homes, *on_path] if (home / "postgres").exists()]
    return list(dict.fromkeys(candidates))


def _search_path() -> list[Path]:
    listed = [Path(part) for part in os.environ.get("PATH", "").split(os.pathsep) if part]
    return list(dict.fromkeys([*listed, Path("/usr/local/bin"), Path("/usr/bin"), Path("/usr/sbin")]))


def _extension_folders(bindir: Path) -> list[Path]:
    # Debian: .../lib/postgresql/17/bin with .../share/postgresql/17; elsewhere: beside each other.
    prefix = bindir.parent.parent.parent.parent
    folders = [
        prefix / "share" / "postgresql" / bindir.parent.name,
        bindir.parent / "share",
        bindir.parent / "share" / "postgresql",
    ]
    if os.access(bindir / "pg_config", os.X_OK):
        answer = run_as(None, [bindir / "pg_config", "--sharedir"])
        if answer.returncode == 0:
            folders.insert(0, Path(answer.stdout.strip()))
    return [folder / "extension" for folder in folders]


def _version_of(program: Path) -> str:
    answer = run_as(None, [program, "--version"])
    # Redis says "v=7.0.15 sha=...", PostgreSQL "postgres (PostgreSQL) 17.5 (Debian ...)".
    match = _VERSION.search(answer.stdout)
    if answer.returncode != 0 or match is None:
        raise Unavailable(f"{program} --version failed: {answer.stdout.strip()}")
    return match.group()


def _default_version(control: Path) -> str:
    match = re.search(r"^default_version\s*=\s*'([^']+)'", control.read_text(), re.MULTILINE)
    return match.group(1) if match else "of unknown version"
