"""Which programs serve this checkout: the machine's own first, then unpacked Debian packages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from klineproject.local.binaries import (
    PostgresBinaries,
    PostgresFinder,
    RedisBinaries,
    RedisFinder,
    choose,
    system_postgres,
    system_redis,
)
from klineproject.local.debian_packages import DebianPackages
from klineproject.local.errors import Unavailable
from klineproject.local.places import LOCAL, Account, working_folder

POSTGRES_HELP = (
    "What helps: install PostgreSQL 15 or newer with TimescaleDB (Debian 13: "
    "postgresql-17-timescaledb), or set DATABASE_URL to a server that has it, or run the whole "
    "project with `docker compose`."
)
REDIS_HELP = (
    "What helps: install redis-server or valkey-server, or set REDIS_URL to a server, or run the "
    "whole project with `docker compose`."
)
MACHINE, DEBIAN = "this machine", "Debian's packages"


@dataclass
class Toolbox:
    """Finds the programs when a server first needs them.

    packages_root  where packages are unpacked: once per checkout, whatever the instance's root
    *_finders      the places to look in, in order, each with the name used in the message
    """

    account: Account | None = None
    packages_root: Path = LOCAL
    say: Callable[[str], None] = print
    postgres_finders: Sequence[tuple[str, PostgresFinder]] = field(default=())
    redis_finders: Sequence[tuple[str, RedisFinder]] = field(default=())

    def __post_init__(self) -> None:
        packages = DebianPackages(working_folder(self.packages_root, self.account) / "_packages", say=self.say)
        if not self.postgres_finders:
            self.postgres_finders = [(MACHINE, system_postgres), (DEBIAN, lambda _major: packages.postgres())]
        if not self.redis_finders:
            self.redis_finders = [(MACHINE, system_redis), (DEBIAN, packages.redis)]

    def postgres(self, major: int | None) -> PostgresBinaries:
        """Return PostgreSQL's programs; of this major version if it is given.

        A data folder can only be opened by the major version that made it.
        """

        def fitting(find: PostgresFinder) -> Callable[[], PostgresBinaries]:
            def checked() -> PostgresBinaries:
                found = find(major)
                if major is not None and found.major != major:
                    raise Unavailable(
                        f"PostgreSQL {found.version} cannot open data made by PostgreSQL {major} "
                        "(`make clean` removes the data)"
                    )
                return found

            return checked

        finders = [(place, fitting(find)) for place, find in self.postgres_finders]
        return choose("TimescaleDB", finders, POSTGRES_HELP)

    def redis(self) -> RedisBinaries:
        """Return Redis's or Valkey's program."""
        return choose("Redis", self.redis_finders, REDIS_HELP)
